#pragma once
// What the trace of a message asks a broker: which topics there are, which records carry an id, and
// how far groups have committed. Reads; joins no group and leaves nothing behind.
//
// One thread. Every function throws outbox::error: `unreachable` when no broker answers in time.

#include "outbox/message/message_id.hpp"
#include "tools/trace/group_fate.hpp"
#include "tools/trace/message_copy.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace outbox::tools {

struct topic_search {
    std::vector<message_copy> copies{};
    std::int64_t records_read = 0;
    std::size_t partitions = 0;
    /// Of these not everything was read: the limit was reached, they have no leader, or they were
    /// deleted meanwhile.
    std::size_t partitions_unread = 0;
};

class broker_session {
public:
    /// `brokers` is HOST:PORT, or several with commas between them; `properties` are librdkafka's
    /// own, for a cluster that wants a password or TLS. Throws outbox::error (invalid_argument)
    /// when one of them is not known or is ours to set.
    explicit broker_session(
        std::string brokers,
        const std::map<std::string, std::string>& properties = {}
    );
    ~broker_session();
    broker_session(const broker_session&) = delete;
    broker_session& operator=(const broker_session&) = delete;

    /// The partitions of all topics but those whose names begin with two underscores.
    std::vector<partition_place> partitions();

    /// Every record in `places` that says it is `id`, from the first one of time `since_ms`
    /// (milliseconds since 1970; nothing: the beginning) to what was the end when the search began.
    /// Reads at most `records_max` records in all.
    topic_search search(
        const message_id& id,
        std::span<const partition_place> places,
        std::optional<std::int64_t> since_ms,
        std::int64_t records_max
    );

    /// What each group has committed in `places`; groups with nothing there are left out. Throws
    /// outbox::error (rejected) when there are more than group_count_max groups.
    std::map<std::string, committed_offsets> committed(std::span<const partition_place> places);
    static constexpr std::size_t group_count_max = 1'000;

private:
    struct handles;
    std::string brokers_;
    std::unique_ptr<handles> handles_;
};

} // namespace outbox::tools
