#pragma once
// The membership of one consumer group: who is in it, which generation they are, and what each was
// assigned. Kafka's classic protocol: the clients divide the partitions among themselves, the
// coordinator only brings them together.
//
//     empty ──join──▶ preparing_rebalance ──everybody came, or time is over──▶ completing_rebalance
//       ▲                   ▲    ▲                                                    │
//       │ last one left     │    └──────── a member came, left or died ───────────────┤
//       └───────────────────┴──────────────────────── stable ◀──the leader assigned──┘
//
// A machine without clock, sockets or disk: it is told what happened and what time it is, and adds
// to `group_actions` what is to be answered now. A JoinGroup and a SyncGroup may have to wait; the
// caller keeps them under a number of its own (`call_id`) and the machine answers each exactly
// once, unless it was told that the caller has gone.
//
// What it keeps true, whatever happens:
//   - one generation at a time; its number only rises; the leader of a generation is told all its
//   members;
//   - everybody in a generation is given what the leader of that generation assigned, nothing
//   older;
//   - nobody waits for ever: a rebalance ends when its time is over, with those who came; a leader
//   that does not assign is put out;
//   - an id that was only handed out (KIP-394) holds up nothing;
//   - a static member's older incarnation is fenced from the moment the newer one is let in.

#include "broker/group/options.hpp"
#include "outbox/base/bytes.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "wire/error_code.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox::broker {

using call_id = std::uint64_t;

enum class group_state { empty, preparing_rebalance, completing_rebalance, stable };

/// Kafka's own name, such as "PreparingRebalance".
const char* to_string(group_state state) noexcept;

struct group_protocol {
    std::string name;
    bytes metadata;

    bool operator==(const group_protocol&) const = default;
};

struct join_ask {
    std::string member_id{};
    std::optional<std::string> instance_id{};
    std::string client_id{};
    std::string client_host{};
    std::chrono::milliseconds session{};
    std::chrono::milliseconds rebalance{};
    std::string protocol_type{};
    std::vector<group_protocol> protocols{};
    /// Whether the client knows MEMBER_ID_REQUIRED (v4) and skip_assignment (v9).
    bool takes_member_id = false;
    bool takes_skip_assignment = false;
};

struct join_answer {
    struct member {
        std::string member_id;
        std::optional<std::string> instance_id;
        bytes metadata;
    };

    wire::error_code error = wire::error_code::none;
    std::int32_t generation = -1;
    std::string protocol_type{};
    std::string protocol{};
    std::string leader{};
    bool skip_assignment = false;
    std::string member_id{};
    std::vector<member> members{};
};

struct sync_ask {
    std::string member_id{};
    std::optional<std::string> instance_id{};
    std::int32_t generation = -1;
    std::optional<std::string> protocol_type{};
    std::optional<std::string> protocol{};
    std::vector<std::pair<std::string, bytes>> assignments{}; // member id, bytes
};

struct sync_answer {
    wire::error_code error = wire::error_code::none;
    std::string protocol_type{};
    std::string protocol{};
    bytes assigned{};
};

/// What a call to the machine brought about.
struct group_actions {
    std::vector<std::pair<call_id, join_answer>> joins{};
    std::vector<std::pair<call_id, sync_answer>> syncs{};
    /// A generation began or the last member left: worth remembering.
    bool changed = false;
};

/// Who speaks, as every request of a member says it.
struct member_name {
    std::string_view member_id;
    const std::optional<std::string>& instance_id;
};

class group {
public:
    /// Both outlive this.
    group(const group_options& options, random_source& random)
        : options_(options)
        , random_(random) {}

    /// A group that an earlier run knew goes on with the generation it had. Only while it is empty.
    void resume(std::string protocol_type, std::int32_t generation) {
        protocol_type_ = std::move(protocol_type);
        generation_ = generation;
    }

    void join(tick_point now, call_id call, join_ask ask, group_actions& out);
    void sync(tick_point now, call_id call, sync_ask ask, group_actions& out);
    wire::error_code heartbeat(tick_point now, member_name who, std::int32_t generation);
    wire::error_code leave(tick_point now, member_name who, group_actions& out);
    /// Whether these may commit now. A generation of -1 without a member is somebody from outside,
    /// who may while the group is empty. Counts as a heartbeat.
    wire::error_code check_commit(tick_point now, member_name who, std::int32_t generation);

    /// Nobody waits for the answer to this call any more: its connection has gone.
    void disconnected(tick_point now, call_id call, group_actions& out);
    /// Time passed.
    void tick(tick_point now, group_actions& out);
    /// When to call tick() next.
    std::optional<tick_point> next_deadline() const;

    group_state state() const noexcept { return state_; }
    std::int32_t generation() const noexcept { return generation_; }
    const std::string& protocol_type() const noexcept { return protocol_type_; }
    const std::string& protocol() const noexcept { return protocol_; }
    const std::string& leader() const noexcept { return leader_; }
    /// Nobody is here, and nobody was given an id.
    bool deserted() const noexcept { return members_.empty() && pending_.empty(); }
    std::size_t member_count() const noexcept { return members_.size(); }

    struct member {
        std::optional<std::string> instance_id{};
        std::string client_id{};
        std::string client_host{};
        std::chrono::milliseconds session{};
        std::chrono::milliseconds rebalance{};
        std::vector<group_protocol> protocols{};
        bytes assigned{};

        tick_point session_end{};         // counts while it waits for nothing
        std::optional<call_id> joining{}; // its JoinGroup that waits
        std::optional<call_id> syncing{}; // its SyncGroup that waits
        bool takes_skip_assignment = false;
        bool synced = false;  // asked for its assignment in this generation
        bool settled = false; // was in a generation before
    };
    using member_map = std::map<std::string, member>;
    const member_map& members() const noexcept { return members_; }
    /// What it told in the protocol that was chosen; empty while none is.
    bytes_view chosen_metadata(const member& of) const noexcept;

private:
    bool within_limits(const join_ask& ask, const std::string& known_as) const;
    bool fits_protocols(const join_ask& ask, const std::string& but_for) const;
    std::string choose_protocol() const;
    wire::error_code find(member_name who, member_map::iterator& found);
    wire::error_code note(tick_point now, member_name who, std::int32_t generation);

    void add(tick_point now, call_id call, std::string id, join_ask ask, group_actions& out);
    void join_again(
        tick_point now,
        call_id call,
        member_map::iterator who,
        join_ask ask,
        group_actions& out
    );
    void replace_static(
        tick_point now,
        call_id call,
        member_map::iterator old,
        join_ask ask,
        group_actions& out
    );
    void update(member_map::iterator who, join_ask ask);
    void
    wait_for_rebalance(tick_point now, call_id call, member_map::iterator who, group_actions& out);
    join_answer answer_for(const member_map::value_type& who) const;
    void prepare(tick_point now, group_actions& out);
    void complete_if_all_came(tick_point now, group_actions& out);
    void complete(tick_point now, group_actions& out);
    member_map::iterator remove(member_map::iterator who, wire::error_code why, group_actions& out);
    void after_removal(tick_point now, group_actions& out);
    void refresh(tick_point now, member& who) const { who.session_end = now + who.session; }
    std::chrono::milliseconds longest_rebalance() const;

    const group_options& options_;
    random_source& random_;
    group_state state_ = group_state::empty;
    std::int32_t generation_ = 0;
    std::string protocol_type_;
    std::string protocol_;
    std::string leader_;
    member_map members_;
    std::map<std::string, std::string> instances_; // instance id -> member id
    std::map<std::string, tick_point> pending_;    // ids handed out, until when they count
    tick_point earliest_{};  // a rebalance of a group that was empty ends no earlier
    tick_point latest_{};    // preparing: who has not come by then is out
                             // completing: who has not synced by then is out
    bool was_empty_ = false; // the rebalance began without members
};

} // namespace outbox::broker
