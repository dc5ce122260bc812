#pragma once
// A message as the table has it: every byte decided, nothing encoded again on the way to the
// broker.

#include "outbox/base/bytes.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/message/delivery_time.hpp"
#include "outbox/message/message.hpp"
#include "outbox/message/message_id.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace outbox {

/// What a producer writes. Text and sizes are as they came from the row: a row written by another
/// language may break our rules, and then the target refuses it.
struct envelope {
    message_id id{};
    std::string subject{};
    std::optional<bytes> key{};
    /// In the format of codec.hpp; empty for a message without headers.
    bytes headers{};
    bytes payload{};
    /// Only on the way into the database: what a relay reads is due.
    std::optional<delivery_time> deliver{};
};

/// What a relay reads: the envelope and the place that the database gave it.
struct stored_message {
    std::int64_t seq = 0;
    /// By the database's clock.
    time_point created_at{};
    envelope content{};
};

/// Freezes `m` under `id`. Throws outbox::error (invalid_argument) when tags, properties or sizes
/// break the limits.
envelope freeze(const message& m, message_id id, const message_limits& limits);

} // namespace outbox
