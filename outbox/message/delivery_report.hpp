#pragma once
// What became of one message, as its sender is told: by a listener, or by waiting for it.

#include "outbox/message/message_id.hpp"

#include <cstdint>
#include <string>

namespace outbox {

enum class send_fate {
    /// The target has it and, as far as it promises anything, will not lose it.
    delivered,
    /// Not a loss and not a failure: the row is committed, a relay will deliver it, and this
    /// process
    /// no longer waits to hear of that. Do not send again.
    left_to_watchdog,
    /// The target refused this very message. Where it has a row, the row stays and holds up the
    /// messages behind it until it is accepted; where it has none, nobody will try again.
    rejected,
    /// Not delivered, no row, and nobody will try again. Only for messages that were posted without
    /// durability, and for store_on_failure when a process stops while broker and database are
    /// away.
    lost,
};

/// "delivered", "left_to_watchdog", "rejected", "lost".
const char* to_string(send_fate fate) noexcept;

/// Where a message stands at the target, as far as the target says. In Kafka's words.
struct target_position {
    std::int32_t partition = -1;
    std::int64_t offset = -1;

    bool known() const noexcept { return partition >= 0 && offset >= 0; }
    bool operator==(const target_position&) const = default;
};

struct delivery_report {
    message_id id{};
    std::string subject{};
    /// How often it was sent to the target by the process that delivered it or gave up; 0 when
    /// nothing is known of that.
    std::uint32_t attempts = 0;
    send_fate fate = send_fate::left_to_watchdog;
    /// Why it was not delivered, for people; empty when it was.
    std::string error{};
    target_position position{};
};

} // namespace outbox
