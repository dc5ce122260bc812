#include "outbox/message/delivery_report.hpp"

namespace outbox {

const char* to_string(send_fate fate) noexcept {
    switch (fate) {
    case send_fate::delivered:
        return "delivered";
    case send_fate::left_to_watchdog:
        return "left_to_watchdog";
    case send_fate::rejected:
        return "rejected";
    case send_fate::lost:
        return "lost";
    }
    return "unknown";
}

} // namespace outbox
