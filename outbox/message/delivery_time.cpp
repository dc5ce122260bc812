#include "outbox/message/delivery_time.hpp"

#include "outbox/base/error.hpp"

#include <array>
#include <string>

namespace outbox {

delivery_time delay_level(int level) {
    using namespace std::chrono_literals;
    static constexpr std::array<std::chrono::seconds, 18> delays{
        1s,
        5s,
        10s,
        30s,
        1min,
        2min,
        3min,
        4min,
        5min,
        6min,
        7min,
        8min,
        9min,
        10min,
        20min,
        30min,
        1h,
        2h};
    if (level < 1 || level > static_cast<int>(delays.size()))
        throw error(
            error_kind::invalid_argument,
            "there is no delay level " + std::to_string(level),
            "levels are 1 to 18; deliver_after() takes any delay"
        );
    return deliver_after(delays[static_cast<std::size_t>(level) - 1]);
}

} // namespace outbox
