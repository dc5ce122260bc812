#pragma once
// The seam between a consumer and the log it reads. One object belongs to one consumer and its
// thread; wake() is the only call for others.

#include "outbox/consumer/consumer_machine.hpp"
#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/record.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace outbox {

/// Where reading begins in a partition in which the group has no progress yet.
class start_point {
public:
    enum class kind { first, last, time, stored };

    /// With the oldest message that is there. Nothing is missed.
    static start_point first() { return start_point{kind::first, {}}; }
    /// With what is sent from now on. The place is recorded at once, so that a restart does not
    /// move it.
    static start_point last() { return start_point{kind::last, {}}; }
    /// With the first message that was sent at this time or later.
    static start_point at(time_point when) { return start_point{kind::time, when}; }
    /// Nowhere: progress must be there, else it is an error. For groups that must never begin anew.
    static start_point stored() { return start_point{kind::stored, {}}; }

    start_point::kind where() const noexcept { return kind_; }
    time_point when() const noexcept { return when_; }

private:
    start_point(kind where, time_point when) : kind_(where), when_(when) {}

    kind kind_;
    time_point when_;
};

/// What a source does about the topics in which messages are parked.
enum class parking_use {
    ignored,
    /// Where there is one already, it is read.
    read,
    /// They are made.
    made,
};

struct subscription {
    group_name group;
    /// Must be there, or appear.
    std::vector<std::string> topics{};
    /// Of this group alone: made by the source, if they are not there, before anything is read.
    /// Other retry topics of the group, which an earlier configuration has left, are read as well,
    /// if they are there when it starts.
    std::vector<std::string> own_topics{};
    parking_use parking = parking_use::ignored;
    start_point start = start_point::first();
    /// Every instance reads everything, and no progress is recorded.
    bool broadcast = false;
};

// What a source has to tell.
namespace source_event {
struct assigned {
    partition_handle partition = 0;
    std::string topic{};
    std::int32_t number = 0;
    /// Where the group had come to; -1 when it had nothing.
    std::int64_t committed = -1;
    /// Where its parked messages are; 0: nowhere. Was told just before, and belongs to whoever has
    /// this one.
    partition_handle parking = 0;
};
struct caught_up { // all that was parked when the partition was assigned has been told
    partition_handle parking = 0;
};
struct revoked {
    partition_handle partition = 0;
    bool lost = false;
};
struct fetched {
    partition_handle partition = 0;
    outbox::record record{};
};
struct sent { // answers send()
    outbox::ticket ticket = 0;
    /// Empty: the log has it.
    std::string trouble{};
    /// Below zero: not known.
    std::int64_t offset = -1;
};
struct committed { // answers commit(), with every partition that it named
    std::vector<std::pair<partition_handle, consumer_event::commit_result>> results{};
    std::string trouble{};
};
/// Nothing to be done about it but to say it; the source goes on.
struct trouble {
    std::string text{};
};
} // namespace source_event

using source_event_type = std::variant<
    source_event::assigned,
    source_event::caught_up,
    source_event::revoked,
    source_event::fetched,
    source_event::sent,
    source_event::committed,
    source_event::trouble>;

/// Of one partition, as far as it is known; -1 where it is not.
struct partition_ends {
    std::int64_t first = -1;
    /// Behind the last record.
    std::int64_t last = -1;
};

/// How much one poll() may tell.
struct poll_limits {
    std::size_t count_max = 0;
    /// As record::size_bytes() has them. The record that reaches it is the last.
    std::size_t bytes_max = 0;
};

class record_source {
public:
    virtual ~record_source() = default;

    /// First. Throws outbox::error when it can never work: a refused property, a topic of ours that
    /// the broker does not let us make, no progress where it must be. Waits for a broker that is
    /// away, at most for about `patience`; then it throws outbox::error (unreachable), and may be
    /// called again.
    virtual void open(const subscription& what, std::chrono::milliseconds patience) = 0;

    /// Waits at most `timeout` for news and appends them, records within `limits`. At a count of 0
    /// only what is told without being asked for: answers, and not who has which partition.
    virtual void poll(
        std::chrono::milliseconds timeout,
        poll_limits limits,
        std::vector<source_event_type>& news
    ) = 0;
    /// Lets poll() return now. Any thread.
    virtual void wake() noexcept = 0;

    /// From now on nothing of the partition is fetched that poll() has not told.
    virtual void pause(partition_handle partition) = 0;
    virtual void resume(partition_handle partition) = 0;
    virtual void commit(const std::vector<std::pair<partition_handle, std::int64_t>>& offsets) = 0;
    /// Writes a record; answered by sent when the log has it as durably as it promises, or not.
    virtual void send(ticket t, outgoing_record what) = 0;
    /// A partition that was revoked is given back.
    virtual void release(partition_handle partition) = 0;
    /// From memory.
    virtual partition_ends ends(partition_handle partition) const = 0;

    /// Leaves the group, so that others take over at once. Nothing is told afterwards.
    virtual void close() noexcept = 0;
};

} // namespace outbox
