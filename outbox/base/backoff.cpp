#include "outbox/base/backoff.hpp"

#include <algorithm>

namespace outbox {

std::chrono::milliseconds
backoff(const backoff_policy& policy, int failures, random_source& random) {
    auto whole = policy.first;
    for (int i = 1; i < failures && whole < policy.longest; ++i)
        whole *= 2;
    whole = std::min(whole, policy.longest);
    const auto half = static_cast<std::uint64_t>(whole.count()) / 2;
    return std::chrono::milliseconds{static_cast<std::int64_t>(half + random.below(half + 1))};
}

} // namespace outbox
