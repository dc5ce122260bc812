#pragma once
// The decisions of one member of a consumer group: what is handed to a handler when, what becomes
// of what it says, what may be committed. It takes an event and returns what to do; it knows no
// Kafka, no thread and no clock. The loop around it (consumer.hpp) does what it says.
//
// What it keeps true, whatever the events:
//   - an offset is committed only when everything below it is finished: handled, unwanted, or taken
//     over by the broker as a record of a retry or dead-letter topic;
//   - ordered by key, at most one message of a key is in hand at a time, over all partitions, and
//     those of one partition in the order of their offsets; one that is tried again holds up its
//     key and nothing else;
//   - where keys are parked, no message of a key is handed out as long as an earlier one of its
//     partition is parked, whoever parked it: what is parked is read before anything else, and what
//     follows is committed only when the log has it behind what it follows;
//   - of a partition that was taken away nothing is handed out any more; what is in hand has until
//   a
//     deadline, and what is handled after it is not committed; what nobody has taken yet is asked
//     back;
//   - an `unavailable` and a `defer` cost no attempt, and no failure to write a retry record loses
//   a message;
//   - what has been read and is not finished is bounded in count, in bytes, and in the span that a
//     crash would repeat.

#include "outbox/base/backoff.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "outbox/consumer/gate.hpp"
#include "outbox/consumer/key_lanes.hpp"
#include "outbox/consumer/outcome.hpp"
#include "outbox/consumer/partition_window.hpp"
#include "outbox/consumer/retry_policy.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace outbox {

/// One assignment of one partition; the same partition, assigned again, has another.
using partition_handle = std::uint64_t;
/// One record that was read.
using ticket = std::uint64_t;

struct consumer_settings {
    /// Calls of the handler at the same time, and messages in one call.
    std::size_t call_count_max = 4;
    std::size_t batch_count_max = 1;
    bool ordered = true;
    /// Commit first, then hand out.
    bool at_most_once = false;
    /// False: progress is nobody's business (broadcast).
    bool commits = true;
    std::size_t prefetch_count_max = 2'000;
    std::size_t prefetch_bytes_max = 64U << 20U;
    std::size_t span_max = 10'000;
    /// Of one partition, parked and not finished; beyond it a message that fails waits in memory.
    std::size_t parked_count_max = 1'000;
    std::size_t parked_bytes_max = 8U << 20U;
    std::chrono::milliseconds commit_interval{200};
    std::chrono::milliseconds revoke_patience{10'000};
    std::chrono::milliseconds stop_patience{10'000};
    /// How long a partition that is given back waits for the answer to its last commit.
    std::chrono::milliseconds commit_patience{5'000};
    retry_policy retries{};
    retry_place place = retry_place::in_place_only;
    /// The first message probes.
    bool begins_closed = false;
    backoff_policy gate_waits{std::chrono::milliseconds{200}, std::chrono::milliseconds{10'000}};
    backoff_policy send_waits{std::chrono::milliseconds{100}, std::chrono::milliseconds{10'000}};
};

// What happened.
namespace consumer_event {
struct woken {}; // time passed, or nothing at all
struct assigned {
    partition_handle partition = 0;
    /// Where its parked messages are, which is ours from now on as well; 0: nowhere. Nothing of
    /// `partition` is handed out before caught_up.
    partition_handle parking = 0;
};
struct caught_up { // everything that was parked before the assignment was told
    partition_handle parking = 0;
};
struct revoked {
    partition_handle partition = 0;
    /// Somebody else has it already: a commit would be refused.
    bool lost = false;
};
enum class content { message, unwanted, undecodable };
struct fetched {
    partition_handle partition = 0;
    outbox::ticket ticket = 0;
    std::int64_t offset = 0;
    std::size_t bytes = 0;
    /// A number for its order key; equal keys have equal numbers.
    std::optional<std::uint64_t> lane{};
    std::uint32_t attempt = 1;
    consumer_event::content content = consumer_event::content::message;
    /// Of a retry topic: not to be looked at before this, and what is behind it neither.
    std::optional<tick_point> held_until{};
    /// Of a retry topic: not to be handed out before this; later than held_until when the wait
    /// takes another round.
    std::optional<tick_point> due{};
};
struct handled {
    outbox::ticket ticket = 0;
    outcome result = outcome::ack();
    /// The last one of its call.
    bool ends_call = true;
};
struct withdrawn { // answers withdraw: it was never in anybody's hand
    outbox::ticket ticket = 0;
    /// Nothing of its call is left.
    bool ends_call = true;
};
struct sent_on { // answers send_on
    outbox::ticket ticket = 0;
    bool taken = false;
    /// Where it stands now, or below zero when that is not known.
    std::int64_t offset = -1;
};
enum class commit_result {
    committed,
    failed,    // is repeated
    refused,   // of an older generation of the group. This member is about to join again, and may
               // keep what it has
    forgotten, // the same, but the group had lost sight of this member; others may have had it
    fenced,    // somebody else has it; revoked follows
};
struct commit_answered {
    std::vector<std::pair<partition_handle, commit_result>> results{};
};
struct paused {}; // by the user: nothing is handed out
struct resumed {};
struct stop_wanted {};
} // namespace consumer_event

using consumer_event_type = std::variant<
    consumer_event::woken,
    consumer_event::assigned,
    consumer_event::caught_up,
    consumer_event::revoked,
    consumer_event::fetched,
    consumer_event::handled,
    consumer_event::withdrawn,
    consumer_event::sent_on,
    consumer_event::commit_answered,
    consumer_event::paused,
    consumer_event::resumed,
    consumer_event::stop_wanted>;

// What to do now.
namespace consumer_action {
struct hand_out { // answered by handled, or by withdrawn
    outbox::ticket ticket = 0;
    std::uint32_t attempt = 1;
    /// It is to find out whether what was away is back.
    bool probes = false;
    /// The call is complete; else the next hand_out belongs to it, too.
    bool ends_call = true;
};
/// Of one that was handed out: if nobody has taken it, nobody shall. Answered by withdrawn if so;
/// else it is handled as if nothing had been said.
struct withdraw {
    outbox::ticket ticket = 0;
};
enum class address { retry, parking, dead_letter };
struct send_on { // answered by sent_on
    outbox::ticket ticket = 0;
    consumer_action::address to = consumer_action::address::dead_letter;
    /// Of the policy's delays, when it is a retry.
    std::size_t step = 0;
    /// From now, when it is a retry that was decided now; nothing: it keeps the time it has.
    std::optional<std::chrono::milliseconds> delay{};
    /// Attempts that were made.
    std::uint32_t attempts_made = 0;
};
struct commit { // answered by commit_answered; one at a time
    std::vector<std::pair<partition_handle, std::int64_t>> offsets{};
};
struct pause {
    partition_handle partition = 0;
};
struct resume {
    partition_handle partition = 0;
};
struct release { // a partition that was taken away, or is left at the end; nothing of it is pending
    partition_handle partition = 0;
};
struct forget { // the record is nobody's any more
    outbox::ticket ticket = 0;
};
struct finished {}; // there is nothing more to do, ever
} // namespace consumer_action

using consumer_action_type = std::variant<
    consumer_action::hand_out,
    consumer_action::withdraw,
    consumer_action::send_on,
    consumer_action::commit,
    consumer_action::pause,
    consumer_action::resume,
    consumer_action::release,
    consumer_action::forget,
    consumer_action::finished>;

/// Counted since the start.
struct consumer_counts {
    std::uint64_t fetched = 0;
    std::uint64_t unwanted = 0;
    std::uint64_t undecodable = 0;
    std::uint64_t acked = 0;
    std::uint64_t failed = 0; // attempts
    std::uint64_t unavailable = 0;
    std::uint64_t deferred = 0;
    std::uint64_t retried = 0; // sent to a retry topic, or tried again in place
    std::uint64_t parked = 0;  // that failed, or followed one
    std::uint64_t dead_lettered = 0;
    /// At most once: failed, or was in a commit of a member that the group did not know any more.
    std::uint64_t given_up = 0;
    std::uint64_t commits = 0;
    /// Commits that were refused because somebody else has the partition.
    std::uint64_t fenced_commits = 0;
    /// Finished messages whose commit was refused or not even possible: somebody else sees them
    /// again.
    std::uint64_t fenced_messages = 0;
    /// Handled after their partition was gone.
    std::uint64_t late_results = 0;
};

class consumer_machine {
public:
    consumer_machine(consumer_settings settings, random_source& random);

    /// The actions are valid until the next call.
    const std::vector<consumer_action_type>&
    resume(tick_point now, const consumer_event_type& event);

    /// When to wake it at the latest.
    tick_point next_deadline() const noexcept;

    /// How many records it may be told of now. At 0 the source is not asked: it keeps what it has
    /// read. Only when nothing is finished for full_patience are partitions paused, those that hold
    /// a share or more of half the memory, and the source is asked for everything else again; a log
    /// takes its time to get going after a pause. What else comes then has its share beyond the
    /// limit, if it must: as long as the same partitions are assigned, no more than half as much
    /// again, and one message of each.
    std::size_t room() const noexcept;
    /// And their bytes; the last of them may go beyond.
    std::size_t room_bytes() const noexcept;
    static constexpr std::chrono::milliseconds full_patience{1'000};

    const consumer_counts& counts() const noexcept { return counts_; }
    /// Read and not finished, without those that are parked.
    std::size_t prefetched() const noexcept { return unfinished_; }
    std::size_t in_hand() const noexcept { return in_hand_; }
    bool waits_at_gate() const noexcept { return !gate_.is_open(); }

private:
    enum class phase { owned, draining, closing, fenced };
    enum class state {
        waiting_for_commit, // at most once
        behind,             // others of its lane are in front
        held,               // until a time
        ready,
        in_hand,
        sending,
        send_failed, // until a time
        abandoned,   // in hand, and its partition is gone
    };
    struct partition {
        partition_window window{};
        outbox::consumer_machine::phase phase = outbox::consumer_machine::phase::owned;
        std::size_t unfinished = 0;
        std::size_t bytes = 0;
        std::size_t holds = 0; // its head waits for its time
        bool paused = false;
        std::optional<std::int64_t> committed{};
        std::optional<std::int64_t> committing{};
        std::uint64_t committed_count = 0; // records that the last commit covered
        std::uint64_t committing_count = 0;
        tick_point deadline{};
        bool doubted = false; // its commit was refused, and none has succeeded since then
        std::deque<ticket> waiting_for_commit{};
        /// At most once: the first that was let go before it was committed.
        std::optional<std::int64_t> not_beyond{};

        partition_handle parking = 0; // where its parked messages are
        bool recovering = false;      // until those are known
    };
    /// What a parking partition has besides.
    struct parking_place {
        partition_handle of = 0;
        std::int64_t read_to = 0;
        struct record {
            std::optional<key_lanes::lane> lane{};
            std::size_t bytes = 0;
        };
        std::map<std::int64_t, record> on_way{}; // by offset: written, and not read back
        std::size_t on_way_bytes = 0;
        std::size_t sends_out = 0;
        std::size_t sends_bytes = 0;
        std::set<key_lanes::lane> short_of_room{};
    };
    struct message {
        partition_handle home = 0;
        std::uint64_t number = 0;
        std::int64_t offset = 0;
        std::size_t bytes = 0;
        std::optional<key_lanes::lane> lane{};
        std::uint32_t attempt = 1;
        outbox::consumer_machine::state state = outbox::consumer_machine::state::ready;
        bool holds_partition = false;
        bool passed_window = false; // at most once: it counts as finished before it is handed out
        bool probes = false;
        bool parks = false; // is being sent to where its key is parked
        std::optional<tick_point> due{};
        consumer_action::send_on to_send{};
        int send_failures = 0;
    };
    using partitions = std::map<partition_handle, partition>;
    using messages = std::unordered_map<ticket, message>;

    void on(const consumer_event::woken& e);
    void on(const consumer_event::assigned& e);
    void on(const consumer_event::caught_up& e);
    void on(const consumer_event::revoked& e);
    void on(const consumer_event::fetched& e);
    void on(const consumer_event::handled& e);
    void on(const consumer_event::withdrawn& e);
    void on(const consumer_event::sent_on& e);
    void on(const consumer_event::commit_answered& e);
    void on(const consumer_event::paused& e);
    void on(const consumer_event::resumed& e);
    void on(const consumer_event::stop_wanted& e);

    void take(const consumer_event::fetched& e, partition& p);
    void wait_until(ticket t, message& m, tick_point when);
    void make_ready(ticket t, message& m);
    void wait_is_over(ticket t, message& m);
    message* back_from_hand(ticket t, bool ends_call);
    void failed(ticket t, message& m, const outcome& result);
    void send(message& m, const consumer_action::send_on& what);
    void finish(ticket t, message& m);
    void drop(ticket t, message& m);
    void bury(ticket t, const message& m);
    void leave_lane(ticket t, const message& m);
    void advance(key_lanes::lane lane);
    bool park(message& m, const consumer_action::send_on& what);
    void note_parked(const message& m, std::int64_t offset);
    void came_back(parking_place& place, std::int64_t offset);
    void forget(ticket t);
    void count_out(message& m, partition& home);

    void drain(partition_handle handle, partition& p, tick_point deadline);
    void drop_waiting(partition_handle handle, bool also_pending);
    void lose(partition_handle handle, partition& p);
    void fence(partition_handle handle, partition& p);
    void erase(partition_handle handle);
    void doubt(partition& p, consumer_event::commit_result why);
    bool in_doubt() const noexcept;
    void withdraw_all();

    void wake_due();
    void settle_leaving();
    void hand_out();
    void commit();
    std::optional<std::int64_t> committable(const partition& p) const noexcept;
    bool wants_commit(const partition& p) const noexcept;
    void check_limits();
    std::size_t share(std::size_t limit) const noexcept;
    std::size_t
    room_within(std::size_t limit, std::size_t used, std::size_t partition::*held) const noexcept;
    bool is_stuck() const noexcept;
    bool is_full(const partition& p) const noexcept;
    bool has_room(const partition& p) const noexcept;

    const consumer_settings settings_;
    random_source* random_;
    tick_point now_{};
    std::vector<consumer_action_type> actions_;

    partitions partitions_;
    messages messages_;
    std::map<partition_handle, parking_place> parking_;
    key_lanes lanes_;
    std::deque<ticket> ready_;
    std::multimap<tick_point, ticket> timers_;
    gate gate_;

    std::size_t unfinished_ = 0;
    std::size_t bytes_ = 0;
    std::size_t in_hand_ = 0; // also what was abandoned
    std::size_t calls_out_ = 0;
    std::size_t leaving_ = 0;                // partitions that are not owned any more
    std::optional<tick_point> full_since_{}; // no room since then
    bool user_paused_ = false;
    bool stopping_ = false;
    bool finished_ = false;
    bool commit_out_ = false;
    bool dirty_ = false; // something may be committed
    tick_point commit_at_{};
    consumer_counts counts_;
};

} // namespace outbox
