#pragma once
// What a consumer writes into the headers of a record that it sends on: to a retry topic, or to a
// dead-letter topic. The names begin with "outbox-", which is ours. Numbers are decimal text, times
// are milliseconds since 1970.
//
//   outbox-attempt            how often it was tried
//   outbox-error              why the last attempt failed, at most failure_reason_bytes_max
//   outbox-group              the group that failed
//   outbox-failed-at          when
//   outbox-retry-at           not before this again; absent in a dead letter
//   outbox-origin-topic       where it stood first …
//   outbox-origin-partition
//   outbox-origin-offset
//   outbox-origin-timestamp   … and its own time
//
// Key, value and all other headers stay byte for byte as they were. The topics:
//
//   GROUP.retry.DELAY         one for each delay of the policy: billing.retry.10s,
//   billing.retry.2h.
//                             All that waits there waits equally long, so the head is always the
//                             first that is due, and a consumer can pause the partition until then.
//                             Shared by the subjects of a group, because the origin is in the
//                             record.
//   SUBJECT.GROUP.dlt         what was given up: orders.paid.billing.dlt
//   SUBJECT.GROUP.parked      messages of keys of which one failed, where the group parks keys. Its
//                             partitions are those of the subject: one for one.

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/record.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outbox {

namespace header_name {
inline constexpr std::string_view attempt = "outbox-attempt";
inline constexpr std::string_view error = "outbox-error";
inline constexpr std::string_view group = "outbox-group";
inline constexpr std::string_view failed_at = "outbox-failed-at";
inline constexpr std::string_view retry_at = "outbox-retry-at";
inline constexpr std::string_view origin_topic = "outbox-origin-topic";
inline constexpr std::string_view origin_partition = "outbox-origin-partition";
inline constexpr std::string_view origin_offset = "outbox-origin-offset";
inline constexpr std::string_view origin_timestamp = "outbox-origin-timestamp";
} // namespace header_name

/// The values of these headers.
struct record_marks {
    std::uint32_t attempts_made = 0;
    std::string reason{};
    std::string group{};
    std::int64_t failed_at_ms = 0;
    std::optional<std::int64_t> retry_at_ms{};
    record_position origin{};
    std::int64_t origin_timestamp_ms = -1;

    bool operator==(const record_marks&) const = default;
};

/// The marks of `from`, or nothing when one that must be there is missing or cannot be read. Of a
/// name that comes twice the last counts: it is the one that was added last.
std::optional<record_marks> read_marks(const record& from);

/// A copy of `from` for `topic`, with these marks instead of those that it has. With an `id`, a
/// record without one gets it, so that it is the same message wherever it goes.
outgoing_record
mark(const record& from, std::string topic, const record_marks& with, std::optional<message_id> id);

/// A copy of `from` for the topic of its origin, as if it had never failed.
outgoing_record unmark(const record& from, std::string topic);

/// "GROUP.retry.", with which the names of all retry topics of a group begin.
std::string retry_topic_prefix(const group_name& group);
std::string retry_topic(const group_name& group, std::chrono::milliseconds delay);
/// What the name of a retry topic says; nothing when it is none of this group.
std::optional<std::chrono::milliseconds>
retry_topic_delay(const group_name& group, std::string_view topic);
std::string dead_letter_topic(std::string_view subject, const group_name& group);
std::string parking_topic(std::string_view subject, const group_name& group);

} // namespace outbox
