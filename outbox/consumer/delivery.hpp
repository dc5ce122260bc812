#pragma once
// A message on its way to a handler. Everything the sender said is here under the words with which
// it was sent; a message that failed and comes again through a retry topic looks as it did the
// first time, except for `attempt`.
//
//   [](const outbox::delivery& d) {
//       charge(d.body().integer("orderId"));
//       return outbox::outcome::ack();
//   }
//
// Messages of other producers, which know nothing of Outbox, arrive the same way: what they do not
// have is absent, and their id is made of topic, partition, offset and time stamp, so that it is
// the same at each delivery.

#include "outbox/base/bytes.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/consumer/delivery_number.hpp"
#include "outbox/consumer/received_body.hpp"
#include "outbox/message/header.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/message/names.hpp"
#include "outbox/message/trace_context.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

/// Where a record stands in a log. In Kafka's words.
struct record_position {
    std::string topic{};
    std::int32_t partition = -1;
    std::int64_t offset = -1;

    auto operator<=>(const record_position&) const = default;
};

struct delivery {
    /// What it is about: the topic to which it was sent first.
    outbox::subject subject;
    message_id id{};
    /// The order key as bytes: those of other producers know no limit.
    std::optional<bytes> key{};
    /// Where the relay numbers, see idempotency/first_time_numbered.hpp.
    std::optional<delivery_number> number{};
    std::vector<std::string> tags{};
    /// Headers beside the body, in their order. Not those under other names here: tags, content
    /// type, and whatever begins with "outbox-".
    headers properties{};
    std::string content_type{};
    /// Lives as long as this delivery or a copy of it.
    bytes_view payload{};
    /// No value instead of an empty one, a "tombstone"; only other producers send such.
    bool is_null = false;

    /// 1 the first time. A message that was handed out by a process that died is handed out again
    /// under the same number.
    std::uint32_t attempt = 1;
    /// Why the attempt before this one failed; empty when there was none, or it gave no reason.
    std::string last_failure{};
    /// Where it stood first.
    record_position origin{};
    /// Where it was read now: the same, or in a retry topic.
    record_position read_from{};
    /// When its row was written, by the database's clock; of other producers, the record's time.
    time_point created_at{};

    /// What keeps `payload` alive.
    std::shared_ptr<const void> keeper{};

    /// The payload as the named values that the sender gave as its body. Throws outbox::error
    /// (corrupt) when it is not a JSON object.
    received_body body() const { return received_body{payload}; }
    bool has_tag(std::string_view wanted) const noexcept;
    /// The first value under `name`, or nothing.
    const bytes* property(std::string_view name) const noexcept {
        return find_header(properties, name);
    }
    /// The trace that the message belongs to; nothing when it has none that can be read. What the
    /// handler sends because of this message carries it on: `.trace = d.trace()`.
    std::optional<trace_context> trace() const { return find_trace(properties); }
};

} // namespace outbox
