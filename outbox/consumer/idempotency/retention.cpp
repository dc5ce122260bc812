#include "outbox/consumer/idempotency/retention.hpp"

#include "outbox/base/error.hpp"

#include <algorithm>
#include <string>

namespace outbox {
namespace {

constexpr std::chrono::seconds horizon_max = std::chrono::hours{10 * 365 * 24};

std::chrono::seconds bounded(std::chrono::seconds time) {
    return std::clamp(time, std::chrono::seconds{0}, horizon_max);
}

} // namespace

redelivery_horizon::redelivery_horizon(std::chrono::seconds longest) : longest_(longest) {
    if (longest_ <= longest_.zero())
        throw error(
            error_kind::invalid_argument,
            "a redelivery horizon of " + std::to_string(longest_.count()) + " s",
            "give the longest time after which the same message can be delivered again"
        );
}

redelivery_horizon redelivery_horizon::of(const redelivery_path& path) {
    std::chrono::seconds once = bounded(path.relay_outage) + bounded(path.broker_retention);
    // A copy in a retry topic stays there for as long as the broker keeps it, too, but its wait is
    // counted from the copy before: the last copy is the one that counts.
    if (!path.retry_delays.empty())
        once += bounded(path.broker_retention);
    for (const std::chrono::milliseconds delay : path.retry_delays)
        once = bounded(
            once +
            bounded(std::chrono::ceil<std::chrono::seconds>(
                std::min(delay, std::chrono::duration_cast<std::chrono::milliseconds>(horizon_max))
            ))
        );
    if (path.dead_letter_retention > std::chrono::seconds{0})
        once = once + bounded(path.dead_letter_retention) + once;
    return redelivery_horizon{std::max(bounded(once), std::chrono::seconds{1})};
}

retention::retention(std::chrono::seconds keep, const redelivery_horizon& horizon) : keep_(keep) {
    if (keep_ < horizon.longest())
        throw error(
            error_kind::invalid_argument,
            "keys would be forgotten after " + std::to_string(keep_.count()) +
                " s, but a message can come again for " +
                std::to_string(horizon.longest().count()) + " s",
            "keep them longer, or shorten the retention of the broker, the retries or the dead "
            "letters"
        );
}

} // namespace outbox
