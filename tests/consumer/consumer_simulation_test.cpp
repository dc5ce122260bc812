// Thousands of histories of a group: members come, crash, freeze, are fenced and stop; handlers
// fail in every way; commits and sends are refused or their answers are lost. The log is simulated,
// the machine is the real one.

#include "outbox/consumer/consumer_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// A record in a partition of the simulated log.
struct entry {
    int id = 0; // of the message, the same in every copy
    std::uint64_t key = 0;
    std::pair<int, std::int64_t> origin{}; // where it stood first
    bool unwanted = false;
    bool undecodable = false;
    std::uint32_t attempt = 1;
    tick_point written_at{};
    tick_point due{};
};

struct log_partition {
    std::vector<entry> records{};
    std::optional<milliseconds> delay{}; // it is a retry topic
    std::int64_t committed = 0;
    int owner = -1; // as the broker sees it
    partition_handle assignment = 0;
};

struct history_options {
    consumer_settings settings{};
    bool faults = true;
    bool failures = true;
    bool orderly = false; // members come, stop and rebalance, and none is killed or frozen
};

class history {
public:
    history(std::uint64_t seed, history_options options)
        : options_(std::move(options))
        , random_(seed)
        , partition_count_(1 + static_cast<int>(random_.below(3))) {
        for (int p = 0; p < partition_count_; ++p)
            log_.push_back({});
        if (options_.settings.place == retry_place::any) {
            for (const auto delay : options_.settings.retries.delays)
                log_.push_back({.delay = delay});
        }
        if (parks()) { // one beside each
            for (int p = 0; p < partition_count_; ++p)
                log_.push_back({});
        }
        const int count = 20 + static_cast<int>(random_.below(60));
        for (int i = 0; i < count; ++i) {
            const auto to = random_.below(static_cast<std::uint64_t>(partition_count_));
            log_[to].records.push_back({
                .id = i,
                .key = to * 100 + random_.below(4),
                .origin =
                    {static_cast<int>(to), static_cast<std::int64_t>(log_[to].records.size())},
                .unwanted = chance(8),
                .undecodable = chance(8),
            });
        }
        message_count_ = count;
        handed_out_.resize(static_cast<std::size_t>(count));
        for (int m = 0; m < 2; ++m)
            join();
    }

    void run() {
        for (int step = 0; step < 600; ++step)
            random_step();
        heal();
    }

private:
    struct held_ticket {
        int partition = 0;
        std::int64_t offset = 0;
        entry what{};
    };
    struct sent_record {
        held_ticket of{};
        consumer_action::send_on what{};
    };
    struct member {
        std::unique_ptr<consumer_machine> machine{};
        std::map<partition_handle, int> partitions{};        // handle to partition
        std::map<partition_handle, std::int64_t> position{}; // next to read
        std::set<partition_handle> paused{};
        std::set<partition_handle> revoking{};
        std::map<ticket, held_ticket> tickets{};
        std::map<ticket, held_ticket> in_hand{}; // also of partitions that are gone
        std::vector<sent_record> sends{};
        std::optional<consumer_action::commit> commit{};
        std::map<ticket, std::uint32_t> attempts{};
        std::map<ticket, tick_point> deferred{};
        std::map<ticket, bool> ends_call{};
        std::vector<ticket> to_withdraw{};
        bool alive = true;
        bool stopping = false;
        bool user_paused = false;
    };

    bool parks() const { return options_.settings.place == retry_place::park_key; }
    bool is_parking(int partition) const { return parks() && partition >= partition_count_; }
    int parking_of(int partition) const {
        return parks() && partition < partition_count_ ? partition_count_ + partition : -1;
    }

    bool chance(std::uint64_t one_in) { return random_.below(one_in) == 0; }

    int join() {
        auto& m = members_.emplace_back();
        m.machine = std::make_unique<consumer_machine>(options_.settings, random_);
        return static_cast<int>(members_.size()) - 1;
    }

    void give_out_partitions() {
        std::vector<int> takers;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            if (members_[i].alive && !members_[i].stopping)
                takers.push_back(static_cast<int>(i));
        }
        if (takers.empty())
            takers.push_back(join());
        for (std::size_t p = 0; p < log_.size(); ++p) {
            if (is_free(static_cast<int>(p)))
                assign(static_cast<int>(p), takers[random_.below(takers.size())]);
        }
    }

    /// Where a partition's parked messages are goes with it.
    bool is_free(int partition) const {
        const auto beside = parking_of(partition);
        return log_[static_cast<std::size_t>(partition)].owner < 0 && !is_parking(partition) &&
               (beside < 0 || log_[static_cast<std::size_t>(beside)].owner < 0);
    }

    void assign(int partition, int to) {
        const auto beside = parking_of(partition);
        auto& m = members_[static_cast<std::size_t>(to)];
        // A client hears that it lost a partition before it gets it again.
        for (const auto& [handle, p] : std::map{m.partitions}) {
            if (p == partition || p == beside)
                tell(to, consumer_event::revoked{handle, true});
        }
        const auto parking = beside < 0 ? 0 : hand_over(beside, to);
        tell(to, consumer_event::assigned{hand_over(partition, to), parking});
    }

    partition_handle hand_over(int partition, int to) {
        auto& m = members_[static_cast<std::size_t>(to)];
        auto& p = log_[static_cast<std::size_t>(partition)];
        p.owner = to;
        p.assignment = ++last_handle_;
        m.partitions[p.assignment] = partition;
        m.position[p.assignment] = p.committed;
        return p.assignment;
    }

    /// And what is beside it, in any order.
    void revoke(int index, partition_handle handle) {
        auto& m = members_[static_cast<std::size_t>(index)];
        const int p = m.partitions.at(handle);
        std::vector<partition_handle> both{handle};
        for (const auto& [other, number] : m.partitions) {
            if (number == parking_of(p) || (is_parking(p) && number == p - partition_count_))
                both.push_back(other);
        }
        for (const auto each : both) {
            if (m.partitions.contains(each) && m.revoking.insert(each).second)
                tell(index, consumer_event::revoked{each, is_lost(index, each)});
        }
    }

    void random_step() {
        give_out_partitions();
        if (!late_sends_.empty() && chance(6)) {
            land(late_sends_.front());
            late_sends_.erase(late_sends_.begin());
        }
        const auto who = random_.below(members_.size());
        auto& m = members_[who];
        if (!m.alive)
            return;
        const int index = static_cast<int>(who);
        switch (random_.below(10)) {
        case 0:
        case 1:
        case 2:
            fetch(index);
            break;
        case 3:
        case 4:
            handle(index);
            break;
        case 5:
            answer_send(index);
            break;
        case 6:
            answer_commit(index);
            break;
        case 7:
            now_ += milliseconds{random_.below(chance(10) ? 30'000 : 60)};
            tell(index, consumer_event::woken{});
            break;
        default:
            if (options_.faults && chance(3))
                fault(index);
        }
    }

    void fault(int index) {
        auto& m = members_[static_cast<std::size_t>(index)];
        switch (options_.orderly ? 2 + random_.below(4) : random_.below(6)) {
        case 0: // killed
            m.alive = false;
            for (const auto& each : m.sends) {
                if (chance(2)) // on the wire
                    late_sends_.push_back(each);
            }
            for (auto& p : log_) {
                if (p.owner == index)
                    p.owner = -1;
            }
            break;
        case 1: // frozen: others take over, and later it is told
            for (const auto& [handle, p] : m.partitions) {
                if (log_[static_cast<std::size_t>(p)].owner == index)
                    log_[static_cast<std::size_t>(p)].owner = -1;
            }
            give_out_to_others(index);
            break;
        case 2: // a rebalance in good order
            if (const auto handle = any_of(m.partitions))
                revoke(index, *handle);
            break;
        case 3:
            if (!m.stopping && chance(2)) {
                m.stopping = true;
                tell(index, consumer_event::stop_wanted{});
            }
            break;
        case 4:
            pause(index, !m.user_paused);
            break;
        default:
            if (members_.size() < 12)
                join();
        }
        // Whoever was fenced hears of it, sooner or later.
        for (const auto& [handle, p] : std::map{m.partitions}) {
            if (m.alive && m.partitions.contains(handle) && is_lost(index, handle) && chance(3))
                revoke(index, handle);
        }
    }

    void pause(int index, bool paused) {
        auto& m = members_[static_cast<std::size_t>(index)];
        m.user_paused = paused;
        if (paused)
            tell(index, consumer_event::paused{});
        else
            tell(index, consumer_event::resumed{});
    }

    bool is_lost(int index, partition_handle handle) {
        const auto& m = members_[static_cast<std::size_t>(index)];
        const auto found = m.partitions.find(handle);
        return found == m.partitions.end() ||
               log_[static_cast<std::size_t>(found->second)].assignment != handle ||
               log_[static_cast<std::size_t>(found->second)].owner != index;
    }

    void give_out_to_others(int frozen) {
        for (std::size_t p = 0; p < log_.size(); ++p) {
            if (!is_free(static_cast<int>(p)))
                continue;
            int to = -1;
            for (std::size_t i = 0; i < members_.size(); ++i) {
                if (static_cast<int>(i) != frozen && members_[i].alive && !members_[i].stopping)
                    to = static_cast<int>(i);
            }
            if (to < 0)
                to = join();
            assign(static_cast<int>(p), to);
        }
    }

    template <class Map>
    std::optional<typename Map::key_type> any_of(const Map& from) {
        if (from.empty())
            return std::nullopt;
        return std::next(from.begin(), static_cast<std::ptrdiff_t>(random_.below(from.size())))
            ->first;
    }

    void fetch(int index) {
        auto& m = members_[static_cast<std::size_t>(index)];
        const auto handle = any_of(m.partitions);
        const auto limit = options_.settings.prefetch_count_max;
        // What the last poll has told is told, whatever was paused meanwhile.
        const bool told = handle && (!m.paused.contains(*handle) ||
                                     (m.machine->prefetched() < limit && chance(10)));
        if (!told || m.machine->room() == 0)
            return;
        const int p = m.partitions[*handle];
        auto& from = log_[static_cast<std::size_t>(p)];
        const auto at = m.position[*handle];
        if (at >= static_cast<std::int64_t>(from.records.size())) {
            if (is_parking(p))
                tell(index, consumer_event::caught_up{*handle});
            return;
        }
        ++m.position[*handle];
        const auto& record = from.records[static_cast<std::size_t>(at)];
        const auto t = ++last_ticket_;
        m.tickets[t] = {p, at, record};
        consumer_event::fetched event{
            .partition = *handle,
            .ticket = t,
            .offset = at * 3, // logs have gaps
            .bytes = 100,
            .lane = record.key,
            .attempt = record.attempt,
        };
        if (record.unwanted)
            event.content = consumer_event::content::unwanted;
        if (record.undecodable)
            event.content = consumer_event::content::undecodable;
        if (from.delay) {
            event.lane.reset();
            event.held_until = std::min(record.due, record.written_at + *from.delay);
            event.due = record.due;
        }
        if (is_parking(p) && record.due > tick_point{})
            event.due = record.due;
        if (record.unwanted)
            finished_.insert({p, at});
        tell(index, event);
        EXPECT_LE(m.machine->prefetched(), limit + limit / 2);
    }

    void handle(int index) {
        auto& m = members_[static_cast<std::size_t>(index)];
        const auto t = any_of(m.in_hand);
        if (!t)
            return;
        const auto it = m.in_hand.at(*t);
        m.in_hand.erase(*t);
        auto said = outcome::ack();
        if (options_.failures) {
            switch (random_.below(10)) {
            case 0:
                said = outcome::retry("no");
                break;
            case 1:
                said = outcome::retry_after(milliseconds{random_.below(30'000)});
                break;
            case 2:
                said = outcome::dead_letter("never");
                break;
            case 3:
                said = outcome::unavailable("away");
                break;
            case 4:
                said = outcome::defer(milliseconds{random_.below(30'000)});
                break;
            default:
                break;
            }
        }
        said_dead_ = said.kind() == outcome_kind::dead_letter;
        if (said.kind() == outcome_kind::ack) {
            acked_.insert(it.what.id);
            note_first(it);
            finished_.insert({it.partition, it.offset});
        }
        if (said.kind() == outcome_kind::defer)
            m.deferred[*t] = now_ + said.delay();
        if (options_.settings.at_most_once && said.kind() != outcome_kind::unavailable &&
            said.kind() != outcome_kind::defer)
            finished_.insert({it.partition, it.offset});
        const bool ends = m.ends_call[*t];
        tell(index, consumer_event::handled{*t, said, ends});
    }

    bool is_retry(int partition) const {
        return log_[static_cast<std::size_t>(partition)].delay.has_value();
    }

    /// First effects of a key come in the order of the log, whoever crashed.
    void note_first(const held_ticket& it) {
        if (!options_.settings.ordered || options_.settings.at_most_once || it.what.undecodable ||
            !firsts_.insert(it.what.origin).second)
            return;
        auto& last = last_first_[{it.what.origin.first, it.what.key}];
        EXPECT_GE(it.what.origin.second, last) << "order of key " << it.what.key;
        last = it.what.origin.second;
    }

    void answer_send(int index) {
        auto& m = members_[static_cast<std::size_t>(index)];
        if (m.sends.empty())
            return;
        const auto sent = m.sends.front();
        m.sends.erase(m.sends.begin());
        const bool refused = options_.faults && chance(4);
        const bool answer_lost = options_.faults && chance(6);
        const bool place_unknown = options_.faults && chance(8);
        consumer_event::sent_on answer{sent.what.ticket, !refused && !answer_lost};
        if (!refused) {
            const auto offset = land(sent);
            if (!place_unknown)
                answer.offset = offset * 3;
            if (answer.taken)
                finished_.insert({sent.of.partition, sent.of.offset});
        }
        tell(index, answer);
    }

    /// Whoever sent it may be gone.
    std::int64_t land(const sent_record& sent) {
        auto copy = sent.of.what;
        copy.written_at = now_;
        copy.attempt = sent.what.attempts_made + 1;
        if (sent.what.to == consumer_action::address::dead_letter) {
            dead_.insert(copy.id);
            note_first(sent.of);
            return 0;
        }
        copy.due = sent.what.delay ? now_ + *sent.what.delay : copy.due;
        const bool parked = sent.what.to == consumer_action::address::parking;
        total_parked += parked ? 1 : 0;
        auto& to = log_[static_cast<std::size_t>(
            parked ? parking_of(sent.of.partition)
                   : partition_count_ + static_cast<int>(sent.what.step)
        )];
        to.records.push_back(copy);
        return static_cast<std::int64_t>(to.records.size()) - 1;
    }

    void answer_commit(int index) {
        auto& m = members_[static_cast<std::size_t>(index)];
        if (!m.commit)
            return;
        const auto what = std::move(*m.commit);
        m.commit.reset();
        const bool loses = options_.faults && chance(5);
        consumer_event::commit_answered answer;
        for (const auto& [handle, offset] : what.offsets) {
            using enum consumer_event::commit_result;
            if (is_lost(index, handle)) { // the client may not know it yet
                answer.results.emplace_back(handle, chance(2) ? fenced : refused);
                continue;
            }
            if (loses && chance(2)) {
                answer.results.emplace_back(
                    handle,
                    chance(2)                       ? failed
                    : options_.orderly || chance(2) ? refused
                                                    : forgotten
                );
                continue;
            }
            apply_commit(m.partitions.at(handle), offset);
            answer.results.emplace_back(handle, loses ? failed : committed);
        }
        tell(index, answer);
    }

    void apply_commit(int partition, std::int64_t offset) {
        auto& p = log_[static_cast<std::size_t>(partition)];
        const auto next = (offset + 2) / 3; // the first record that is not below
        // Where it is not known what was committed, and nobody was handed it, it may.
        if (!options_.settings.at_most_once) {
            EXPECT_GE(next, p.committed) << "a commit went back";
            for (auto at = p.committed; at < next; ++at)
                EXPECT_TRUE(finished_.contains({partition, at}))
                    << "committed over " << partition << "/" << at;
        }
        p.committed = next;
    }

    void tell(int index, const consumer_event_type& event) {
        auto& m = members_[static_cast<std::size_t>(index)];
        const auto actions = m.machine->resume(now_, event);
        for (const auto& each : actions)
            std::visit([&](const auto& a) { perform(index, a); }, each);
        EXPECT_LE(
            m.in_hand.size(),
            options_.settings.call_count_max * options_.settings.batch_count_max
        );
        for (const auto t : std::exchange(m.to_withdraw, {})) {
            if (chance(2) && m.in_hand.erase(t) > 0)
                tell(index, consumer_event::withdrawn{t, m.ends_call[t]});
        }
    }

    void perform(int index, const consumer_action::withdraw& a) {
        auto& m = members_[static_cast<std::size_t>(index)];
        EXPECT_TRUE(m.in_hand.contains(a.ticket));
        m.to_withdraw.push_back(a.ticket);
    }

    void perform(int index, const consumer_action::hand_out& a) {
        auto& m = members_[static_cast<std::size_t>(index)];
        const auto& it = m.tickets.at(a.ticket);
        EXPECT_FALSE(m.user_paused);
        EXPECT_FALSE(it.what.unwanted);
        EXPECT_FALSE(it.what.undecodable);
        EXPECT_LE(a.attempt, options_.settings.retries.attempt_count_max());
        if (is_retry(it.partition)) {
            EXPECT_GE(now_, it.what.due) << "before its time";
        }
        for (const auto& [t, other] : m.in_hand) {
            if (options_.settings.ordered && !is_retry(it.partition) &&
                !is_retry(other.partition)) {
                EXPECT_NE(other.what.key, it.what.key) << "two of a key in hand";
            }
        }
        auto& last_attempt = m.attempts[a.ticket];
        if (const auto until = m.deferred.find(a.ticket); until != m.deferred.end()) {
            EXPECT_GE(now_, until->second) << "before its time";
            EXPECT_EQ(a.attempt, last_attempt) << "it had not failed";
            m.deferred.erase(until);
        }
        EXPECT_LE(a.attempt, last_attempt == 0 ? it.what.attempt : last_attempt + 1);
        last_attempt = a.attempt;
        if (options_.settings.at_most_once) {
            auto& count = handed_out_[static_cast<std::size_t>(it.what.id)];
            if (a.attempt == 1 && !m.ends_call.contains(a.ticket)) {
                EXPECT_EQ(++count, 1) << "handed out twice";
            }
        }
        m.ends_call[a.ticket] = a.ends_call;
        m.in_hand.emplace(a.ticket, it);
    }
    void perform(int index, const consumer_action::send_on& a) {
        auto& m = members_[static_cast<std::size_t>(index)];
        EXPECT_TRUE(m.tickets.contains(a.ticket));
        if (!options_.failures) {
            EXPECT_TRUE(m.tickets.at(a.ticket).what.undecodable || healing_);
        }
        if (a.to == consumer_action::address::dead_letter &&
            !m.tickets.at(a.ticket).what.undecodable && !said_dead_) {
            EXPECT_GE(a.attempts_made, 1U);
        }
        if (a.to == consumer_action::address::retry && !a.delay) {
            const auto& it = m.tickets.at(a.ticket);
            EXPECT_GE(
                now_,
                it.what.written_at + *log_[static_cast<std::size_t>(it.partition)].delay
            ) << "another round before this one was over";
        }
        m.sends.push_back({m.tickets.at(a.ticket), a});
    }
    void perform(int index, const consumer_action::commit& a) {
        auto& m = members_[static_cast<std::size_t>(index)];
        EXPECT_FALSE(m.commit) << "two commits at once";
        m.commit = a;
    }
    void perform(int index, const consumer_action::pause& a) {
        members_[static_cast<std::size_t>(index)].paused.insert(a.partition);
    }
    void perform(int index, const consumer_action::resume& a) {
        EXPECT_EQ(members_[static_cast<std::size_t>(index)].paused.erase(a.partition), 1U);
    }
    void perform(int index, const consumer_action::release& a) {
        auto& m = members_[static_cast<std::size_t>(index)];
        const auto found = m.partitions.find(a.partition);
        if (found == m.partitions.end())
            return;
        auto& p = log_[static_cast<std::size_t>(found->second)];
        if (p.assignment == a.partition)
            p.owner = -1;
        m.partitions.erase(found);
        m.position.erase(a.partition);
        m.paused.erase(a.partition);
        m.revoking.erase(a.partition);
    }
    void perform(int index, const consumer_action::forget& a) {
        EXPECT_EQ(members_[static_cast<std::size_t>(index)].tickets.erase(a.ticket), 1U)
            << "forgotten twice";
    }
    void perform(int index, const consumer_action::finished&) {
        auto& m = members_[static_cast<std::size_t>(index)];
        EXPECT_TRUE(m.partitions.empty());
        EXPECT_TRUE(m.tickets.empty());
        m.alive = false;
    }

    /// Faults and failures are over: what was sent must come to an end.
    void heal() {
        options_.faults = false;
        options_.failures = false;
        healing_ = true;
        for (const auto& each : late_sends_)
            land(each);
        for (int round = 0; round < 4'000 && !is_done(); ++round) {
            give_out_partitions();
            for (std::size_t i = 0; i < members_.size(); ++i) {
                if (!members_[i].alive)
                    continue;
                const int index = static_cast<int>(i);
                if (members_[i].user_paused)
                    pause(index, false);
                for (const auto& [handle, p] : std::map{members_[i].partitions}) {
                    if (is_lost(index, handle) && members_[i].revoking.insert(handle).second)
                        tell(index, consumer_event::revoked{handle, true});
                }
                for (int n = 0; n < 5; ++n) {
                    fetch(index);
                    handle(index);
                    answer_send(index);
                }
                answer_commit(index);
                tell(index, consumer_event::woken{});
            }
            now_ += milliseconds{500};
        }
        for (std::size_t p = 0; p < log_.size(); ++p)
            EXPECT_EQ(log_[p].committed, static_cast<std::int64_t>(log_[p].records.size()))
                << "partition " << p << " is not finished";
        if (options_.settings.at_most_once) {
            for (const auto& p : log_) {
                for (const auto& each : p.records)
                    EXPECT_TRUE(
                        !options_.orderly || each.unwanted || each.undecodable ||
                        handed_out_[static_cast<std::size_t>(each.id)] == 1
                    ) << "message "
                      << each.id << " was committed, and nobody was handed it";
            }
            return;
        }
        for (std::size_t p = 0; p < static_cast<std::size_t>(partition_count_); ++p) {
            for (const auto& each : log_[p].records)
                EXPECT_TRUE(each.unwanted || acked_.contains(each.id) || dead_.contains(each.id))
                    << "message " << each.id << " is lost";
        }
        std::uint64_t late = 0;
        for (const auto& m : members_)
            late += m.machine->counts().late_results;
        total_late += late;
    }

    bool is_done() const {
        const bool committed = std::all_of(log_.begin(), log_.end(), [](const auto& p) {
            return p.committed == static_cast<std::int64_t>(p.records.size());
        });
        return committed && std::all_of(members_.begin(), members_.end(), [](const auto& m) {
                   return !m.alive || m.tickets.empty();
               });
    }

public:
    static inline std::uint64_t total_late = 0;
    static inline std::uint64_t total_parked = 0;

private:
    history_options options_;
    seeded_random random_;
    int partition_count_;
    int message_count_ = 0;
    std::vector<log_partition> log_;
    std::deque<member> members_; // so that references stay
    std::vector<sent_record> late_sends_;
    tick_point now_{std::chrono::hours{1}};
    partition_handle last_handle_ = 0;
    ticket last_ticket_ = 0;
    bool healing_ = false;
    bool said_dead_ = false;

    std::set<std::pair<int, std::int64_t>> finished_;
    std::set<int> acked_;
    std::set<int> dead_;
    std::set<std::pair<int, std::int64_t>> firsts_;
    std::map<std::pair<int, std::uint64_t>, std::int64_t> last_first_;
    std::vector<int> handed_out_;
};

consumer_settings small() {
    return {
        .call_count_max = 3,
        .prefetch_count_max = 12,
        .span_max = 16,
        .commit_interval = 50ms,
        .revoke_patience = 300ms,
        .stop_patience = 300ms,
        .commit_patience = 300ms,
        .retries = {.delays = {1s, 5s, 20s}, .in_place_max = 100ms},
    };
}

constexpr std::uint64_t history_count = 1'000;

void run_histories(const history_options& options) {
    for (std::uint64_t seed = 1; seed <= history_count; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        history{seed, options}.run();
        if (::testing::Test::HasFailure())
            return;
    }
}

TEST(consumer_simulation, ordered_by_key_nothing_is_lost_or_overtaken) {
    run_histories({.settings = small()});
    EXPECT_GT(history::total_late, 0U) << "no history had a handler outlive its partition";
}

TEST(consumer_simulation, ordered_with_parked_keys_nothing_is_lost_or_overtaken) {
    auto settings = small();
    settings.place = retry_place::park_key;
    history::total_parked = 0;
    settings.parked_count_max = 2;
    run_histories({.settings = settings});
    EXPECT_GT(history::total_parked, history_count) << "hardly anything was parked";
    settings.batch_count_max = 3;
    settings.parked_count_max = 1'000;
    run_histories({.settings = settings});
}

TEST(consumer_simulation, with_retry_topics_nothing_is_lost) {
    auto settings = small();
    settings.ordered = false;
    settings.place = retry_place::any;
    run_histories({.settings = settings});
}

TEST(consumer_simulation, batches_keep_the_same_promises) {
    auto settings = small();
    settings.batch_count_max = 4;
    run_histories({.settings = settings});
}

TEST(consumer_simulation, at_most_once_is_never_twice) {
    auto settings = small();
    settings.at_most_once = true;
    run_histories({.settings = settings});
}

TEST(consumer_simulation, at_most_once_is_once_when_nobody_crashes) {
    auto settings = small();
    settings.at_most_once = true;
    settings.revoke_patience = settings.stop_patience = settings.commit_patience = 24h;
    run_histories({.settings = settings, .orderly = true});
}

} // namespace
} // namespace outbox
