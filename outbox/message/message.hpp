#pragma once
// What you hand to `send`. Fill the fields you need; only `to` must be there.
//
//   out.send({.to = order_paid, .body = {{"orderId", id}}, .key = outbox::order_key{id}});

#include "outbox/message/body.hpp"
#include "outbox/message/delivery_time.hpp"
#include "outbox/message/header.hpp"
#include "outbox/message/names.hpp"
#include "outbox/message/trace_context.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace outbox {

struct message {
    subject to;
    outbox::body body{};
    /// Messages with the same key are delivered in the order in which their transactions committed.
    std::optional<order_key> key{};
    /// At most tag_count_max.
    std::vector<tag> tags{};
    /// Named values beside the body; they travel as headers. A name may not begin with "outbox-".
    headers properties{};
    /// Nothing: as soon as the transaction has committed.
    std::optional<delivery_time> deliver{};
    /// Travels as the headers `traceparent` and `tracestate`, in the place of properties of these
    /// names. Without it such properties go as they are, not looked into.
    std::optional<trace_context> trace{};
};

/// What a target is known to accept, checked when a message is sent, so that the business
/// transaction fails at once instead of leaving a message that can never be delivered.
struct message_limits {
    /// Key, headers and payload together, in bytes. The default fits Kafka's default of 1 MiB with
    /// its framing.
    std::size_t message_bytes_max = 1'000'000;
    /// Of a subject's name. Ours is Kafka's; others take less.
    std::size_t subject_bytes_max = outbox::subject_bytes_max;
    /// Labels of one message. Some engines know one or none.
    std::size_t tag_count_max = outbox::tag_count_max;
};

} // namespace outbox
