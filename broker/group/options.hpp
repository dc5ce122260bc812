#pragma once
// What the coordinator of consumer groups lets its clients do, and for how long it remembers. The
// durations at the top are settings of the broker; the numbers below are limits, and beside each
// stands what happens at it.

#include <chrono>
#include <cstddef>

namespace outbox::broker {

struct group_options {
    /// How long the first member of an empty group waits for others before its first generation:
    /// consumers that start together then share one rebalance. It grows by itself with each further
    /// member, up to the rebalance timeout.
    std::chrono::milliseconds initial_rebalance_delay{500};
    /// A session timeout outside these, both included, is refused: INVALID_SESSION_TIMEOUT.
    std::chrono::milliseconds session_min{std::chrono::seconds{6}};
    std::chrono::milliseconds session_max{std::chrono::minutes{30}};
    /// How long the offsets of a group that has no members are kept: from when its last member
    /// left, or from the commit, whichever is later.
    std::chrono::milliseconds offsets_retention{std::chrono::hours{24 * 7}};

    /// Members of one group, those that have only been given an id included:
    /// GROUP_MAX_SIZE_REACHED.
    std::size_t members_max = 1000;
    /// Ways of assigning that a member offers: INCONSISTENT_GROUP_PROTOCOL.
    std::size_t protocols_max = 32;
    /// Groups, empty ones included: POLICY_VIOLATION.
    std::size_t groups_max = 10'000;
    /// What the members of one group tell about themselves: GROUP_MAX_SIZE_REACHED for the one that
    /// brings more. The leader is sent all of it in one answer.
    std::size_t group_bytes_max = 16 * 1024 * 1024;
    /// Of a group id: INVALID_GROUP_ID. Of an instance id: INVALID_REQUEST. Of a protocol's name:
    /// INCONSISTENT_GROUP_PROTOCOL.
    std::size_t name_bytes_max = 255;
    /// Of the text beside a committed offset: OFFSET_METADATA_TOO_LARGE.
    std::size_t metadata_bytes_max = 4096;
    /// Committed offsets of all groups together; a commit that would bring more gets
    /// INVALID_COMMIT_OFFSET_SIZE.
    std::size_t offsets_max = 200'000;
    /// Partitions in one commit: INVALID_COMMIT_OFFSET_SIZE for each of them.
    std::size_t commit_partitions_max = 20'000;
    /// How long a group without members and offsets is still listed.
    std::chrono::milliseconds empty_group_kept{std::chrono::minutes{10}};
};

} // namespace outbox::broker
