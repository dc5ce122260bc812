#pragma once
// From a record to what it means, for any bytes. What does not have the form of a message is said
// with its reason; the consumer puts it aside as it is.

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/record.hpp"
#include "outbox/consumer/record_marks.hpp"

#include <optional>
#include <string>

namespace outbox {

enum class topic_role {
    /// A subject's.
    subject,
    /// A retry topic of this group: the record must say where it comes from.
    retry,
};

struct read_result {
    /// Nothing: undecodable.
    std::optional<delivery> message{};
    /// Why not.
    std::string why{};
    /// Of a retry topic, milliseconds since 1970.
    std::optional<std::int64_t> retry_at_ms{};
};

/// `at` is where the record was read.
read_result read_record(const record& from, const record_position& at, topic_role role);

/// The id of a record whose sender gave it none: made of topic, partition, offset and time, the
/// same at every delivery. A UUID of version 8 (RFC 9562 §5.8): 48 bits of a hash of topic and
/// time, 18 bits of the partition, 56 bits of the offset. Unique as long as the topic is not made
/// anew within one millisecond.
message_id made_up_id(const record_position& at, std::int64_t timestamp_ms);

} // namespace outbox
