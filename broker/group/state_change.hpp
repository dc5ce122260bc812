#pragma once
// What the coordinator keeps on disk, one change at a time, and the bytes of it: the records of the
// topic `__consumer_offsets`. FORMAT.md, beside this file, tells what they mean; the format is
// Kafka's own, so that Kafka's tools can read it.

#include "broker/log/partition_log.hpp"
#include "outbox/base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace outbox::broker {

/// The topic that keeps the offsets. Clients see it and cannot write to it.
inline constexpr std::string_view offsets_topic = "__consumer_offsets";
inline bool is_internal_topic(std::string_view name) noexcept {
    return name == offsets_topic;
}

struct committed_offset {
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
    std::string metadata{};
    std::int64_t committed_ms = 0; // since 1970
    /// Of which topic: a later one of the same name has another id, and nothing was consumed of it.
    topic_id topic{};

    bool operator==(const committed_offset&) const = default;
};

/// What is remembered of a group besides its offsets.
struct group_memory {
    std::string protocol_type{};
    std::int32_t generation = 0;
    /// Both empty when the group had no members.
    std::string protocol{};
    std::string leader{};
    std::int64_t changed_ms = 0; // since 1970

    bool operator==(const group_memory&) const = default;
};

struct offset_change {
    std::string group;
    std::string topic;
    std::int32_t partition = 0;
    std::optional<committed_offset> value; // nothing: forgotten

    bool operator==(const offset_change&) const = default;
};

struct group_change {
    std::string group;
    std::optional<group_memory> value; // nothing: forgotten

    bool operator==(const group_change&) const = default;
};

using state_change = std::variant<offset_change, group_change>;

/// The changes as record batches of about `batch_bytes` each, ready to be appended in this order.
/// Every text of a change is shorter than 32 KiB.
std::vector<bytes> encode_changes(
    std::span<const state_change> changes,
    std::int64_t now_ms,
    std::size_t batch_bytes = 512 * 1024
);

/// Adds the changes of one whole, checked batch to `out`. False if one of its records is not a
/// change; then `out` holds those before it.
bool decode_changes(bytes_view batch, std::vector<state_change>& out);

} // namespace outbox::broker
