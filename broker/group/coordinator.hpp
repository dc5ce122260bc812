#pragma once
// All groups of this broker: their members, what they have committed, and when either is over. A
// machine like `group`, which it is made of; it decides, and somebody else writes and answers.
//
// What is committed changes by `state_change`s and by nothing else. A decision gives changes; they
// are written to disk; when they are durable they come back by apply(), in the order in which they
// were written. So what can be read here is on disk, and what is on disk is, after a start, what
// could be read here.

#include "broker/group/group.hpp"
#include "broker/group/options.hpp"
#include "broker/group/state_change.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox::broker {

/// Now, on both clocks: one for waiting, one for what is written down.
struct moment {
    tick_point ticks;
    std::int64_t wall_ms = 0;
};

struct coordinator_actions : group_actions {
    /// To be written; nobody waits for it.
    std::vector<state_change> changes{};
};

class coordinator {
public:
    using offsets_by_partition = std::map<std::int32_t, committed_offset>;
    using offsets_by_topic = std::map<std::string, offsets_by_partition, std::less<>>;

    struct known_group {
        group membership;
        offsets_by_topic offsets{};
        std::optional<group_memory> memory{};
        std::int64_t empty_since_ms = 0;
        std::optional<tick_point> deadline{};
    };
    using groups = std::map<std::string, known_group, std::less<>>;

    /// What a topic is at present: nothing when there is none of this name.
    struct present_topic {
        topic_id id{};
        /// One past the last record of a partition; nothing where that is not known or there is
        /// none.
        std::function<std::optional<std::int64_t>(std::int32_t)> end{};
    };
    using find_topic = std::function<std::optional<present_topic>(const std::string&)>;

    /// Both outlive this.
    coordinator(const group_options& options, random_source& random)
        : options_(options)
        , random_(random) {}

    void join(
        const moment& now,
        call_id call,
        const std::string& group,
        join_ask ask,
        coordinator_actions& out
    );
    void sync(
        const moment& now,
        call_id call,
        const std::string& group,
        sync_ask ask,
        coordinator_actions& out
    );
    wire::error_code heartbeat(
        const moment& now,
        const std::string& group,
        member_name who,
        std::int32_t generation
    );
    wire::error_code
    leave(const moment& now, const std::string& group, member_name who, coordinator_actions& out);
    void disconnected(
        const moment& now,
        const std::string& group,
        call_id call,
        coordinator_actions& out
    );
    void tick(const moment& now, coordinator_actions& out);
    std::optional<tick_point> next_deadline() const;

    /// Whether `who` may make these changes, all of them offsets of this group, now.
    wire::error_code check_commit(
        const moment& now,
        const std::string& group,
        member_name who,
        std::int32_t generation,
        std::span<const state_change> wanted
    );
    /// Whether the group can be deleted now, and the changes that do it. Only while nothing is
    /// being written: what is not applied yet would survive.
    wire::error_code remove_group(const std::string& group, std::vector<state_change>& changes);
    /// What nobody needs any more: offsets of topics that are gone, of groups long empty, and
    /// groups of which nothing is left. Only while nothing is being written.
    std::vector<state_change> expire(const moment& now, const find_topic& topics);
    /// Offsets beyond the end of their partition, put back to it: the topic has lost its tail in a
    /// power cut (async topics may), and the records that take its place must not be skipped. To be
    /// written before the first request is served, since the topics grow again.
    std::vector<state_change> truncate(const find_topic& topics) const;

    void apply(state_change change);
    /// After the last change of an earlier run: whoever was in a group is not any more.
    void begin(const moment& now);
    /// Everything that apply() has made, as changes.
    std::vector<state_change> snapshot() const;

    const groups& all() const noexcept { return groups_; }
    const known_group* find(std::string_view group) const;
    /// Whether it is a group: something is committed, somebody is in it, or was not long ago.
    static bool exists(const known_group& known);

private:
    known_group& get(const std::string& group);
    bool has_room_for(const known_group* known, std::span<const state_change> wanted) const;
    void after(const moment& now, groups::iterator at, coordinator_actions& out);
    void schedule(groups::iterator at);
    void forget_if_nothing(groups::iterator at);

    const group_options& options_;
    random_source& random_;
    groups groups_;
    std::size_t offset_count_ = 0;
    std::set<std::pair<tick_point, std::string>> deadlines_;
};

} // namespace outbox::broker
