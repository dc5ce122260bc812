#pragma once
// A wait that somebody from outside asks for. Time points count nanoseconds, so "for ever", said as
// milliseconds::max(), would lie in the past if it were added to one. What comes in goes through
// here once; behind it durations can be added without a thought.

#include <algorithm>
#include <chrono>

namespace outbox {

/// As good as for ever.
inline constexpr std::chrono::milliseconds wait_max = std::chrono::hours{365 * 24};

/// Less than nothing is nothing, more than wait_max is that.
constexpr std::chrono::milliseconds bounded_wait(std::chrono::milliseconds wait) noexcept {
    return std::clamp(wait, std::chrono::milliseconds{0}, wait_max);
}

} // namespace outbox
