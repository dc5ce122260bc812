#include "outbox/consumer/retry_policy.hpp"

#include "outbox/base/error.hpp"
#include "outbox/message/delivery_time.hpp"

#include <algorithm>
#include <string>

namespace outbox {

using std::chrono::milliseconds;

std::vector<milliseconds> retry_policy::default_delays() {
    std::vector<milliseconds> delays;
    for (int level = 3; level <= 18; ++level) // RocketMQ retries from its third level on
        delays.push_back(std::chrono::duration_cast<milliseconds>(*delay_level(level).delay()));
    return delays;
}

void retry_policy::check() const {
    const auto refuse = [](const std::string& why) {
        throw error(
            error_kind::invalid_argument,
            "retry policy: " + why,
            "at most " + std::to_string(retry_delay_count_max) +
                " delays, rising, from 1 ms to 7 days"
        );
    };
    if (delays.size() > retry_delay_count_max)
        refuse(std::to_string(delays.size()) + " delays");
    if (in_place_max < in_place_max.zero())
        refuse("in_place_max is negative");
    milliseconds before{0};
    for (const auto delay : delays) {
        if (delay < milliseconds{1} || delay > retry_delay_max)
            refuse("a delay of " + std::to_string(delay.count()) + " ms");
        if (delay < before)
            refuse(
                std::to_string(delay.count()) + " ms comes after " +
                std::to_string(before.count()) + " ms"
            );
        before = delay;
    }
}

std::size_t step_for(const retry_policy& policy, milliseconds delay) noexcept {
    const auto found = std::lower_bound(policy.delays.begin(), policy.delays.end(), delay);
    const auto step = static_cast<std::size_t>(found - policy.delays.begin());
    return policy.delays.empty() ? 0 : std::min(step, policy.delays.size() - 1);
}

retry_decision decide_retry(
    const retry_policy& policy,
    std::uint32_t attempt,
    std::optional<milliseconds> wanted,
    retry_place place
) {
    if (attempt > policy.delays.size())
        return {.way = retry_way::dead_letter};
    const auto delay = wanted.value_or(policy.delays[attempt - 1]);
    if (place == retry_place::in_place_only || delay <= policy.in_place_max)
        return {.way = retry_way::in_place, .delay = delay};
    if (place == retry_place::park_key)
        return {.way = retry_way::park, .delay = delay};
    const auto step = step_for(policy, delay);
    return {.way = retry_way::topic, .delay = std::max(delay, policy.delays[step]), .step = step};
}

} // namespace outbox
