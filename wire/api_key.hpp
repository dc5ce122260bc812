#pragma once
// The numbers by which Kafka's protocol names its requests. Only those that this project can decode
// are listed; the versions of each stand with its fields in wire/api/.

#include <cstdint>

namespace outbox::wire {

enum class api_key : std::int16_t {
    produce = 0,
    fetch = 1,
    list_offsets = 2,
    metadata = 3,
    offset_commit = 8,
    offset_fetch = 9,
    find_coordinator = 10,
    join_group = 11,
    heartbeat = 12,
    leave_group = 13,
    sync_group = 14,
    describe_groups = 15,
    list_groups = 16,
    api_versions = 18,
    create_topics = 19,
    delete_topics = 20,
    init_producer_id = 22,
    describe_configs = 32,
    create_partitions = 37,
    delete_groups = 42,
    offset_delete = 47,
};

/// Versions that are understood; both ends included.
struct version_range {
    std::int16_t min = 0;
    std::int16_t max = 0;

    constexpr bool contains(std::int16_t version) const noexcept {
        return min <= version && version <= max;
    }
};

} // namespace outbox::wire
