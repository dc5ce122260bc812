// Thousands of random lives of one group. Clients join, sync, beat, commit, leave, lose their
// connection, fall silent, start again under their old name; time passes. After every step what
// group.hpp promises is held against what the clients were told.

#include "broker/group/group.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <set>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using wire::error_code;

constexpr milliseconds session = 10s;

struct client {
    int number = 0;
    std::optional<std::string> instance_id{};
    milliseconds rebalance = 30s;
    bool takes_member_id = true;
    bool takes_skip_assignment = true;

    std::string id{};
    std::int32_t generation = -1;
    std::string leader{};
    std::vector<std::string> to_assign{}; // what it has to divide, as the leader
    std::optional<call_id> joining{};
    std::optional<call_id> syncing{};
    tick_point asked_at{};
    tick_point seen_at{};
    bool settled = false; // has been given its assignment in this generation
};

/// What was said of one generation.
struct generation_facts {
    std::string protocol{};
    std::string leader{};
    std::set<std::string> members{}; // as the leader was told
    std::set<std::string> told{};    // who was told that it is in
    std::map<std::string, bytes> assigned{};
};

class history {
public:
    explicit history(std::uint64_t seed) : random_(seed), machine_random_(seed + 1) {
        options_.initial_rebalance_delay = milliseconds(random_.below(2) * 500);
        const auto count = 2 + random_.below(6);
        for (std::uint64_t i = 0; i < count; ++i) {
            client c{.number = static_cast<int>(i)};
            if (random_.below(3) == 0)
                c.instance_id = "static-" + std::to_string(i);
            c.rebalance = 5s * (1 + static_cast<long>(random_.below(8)));
            c.takes_member_id = random_.below(4) != 0;
            c.takes_skip_assignment = random_.below(2) == 0;
            longest_rebalance_ = std::max(longest_rebalance_, c.rebalance);
            clients_.push_back(c);
        }
    }

    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
            step();
            check();
        }
        heal();
    }

private:
    client& any() { return clients_[random_.below(clients_.size())]; }

    void step() {
        client& c = any();
        switch (random_.below(16)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            live(c);
            break;
        case 5:
            commit(c);
            break;
        case 6:
            if (!c.id.empty() && !c.joining && !c.syncing && random_.below(3) == 0)
                leave(c);
            break;
        case 7:
            disconnect(c);
            break;
        case 8: // killed; nobody tells the group
            if (random_.below(3) == 0)
                restart(c);
            break;
        case 9: // an old incarnation speaks
            zombie();
            break;
        case 10:
            pass(milliseconds(random_.below(25'000)));
            break;
        default:
            pass(milliseconds(random_.below(3'000)));
            break;
        }
    }

    /// What a healthy client does next.
    void live(client& c) {
        if (c.joining || c.syncing)
            return;
        if (c.generation < 0 || c.id.empty())
            join(c);
        else if (!c.settled)
            sync(c);
        else
            beat(c);
    }

    void join(client& c) {
        const call_id call = ++last_call_;
        c.joining = call;
        c.asked_at = now_;
        c.seen_at = now_;
        callers_[call] = c.number;
        machine_.join(
            now_,
            call,
            {.member_id = c.id,
             .instance_id = c.instance_id,
             .client_id = "c" + std::to_string(c.number),
             .session = session,
             .rebalance = c.rebalance,
             .protocol_type = "consumer",
             .protocols = {{"range", "r"}, {c.number % 2 == 0 ? "even" : "odd", "x"}},
             .takes_member_id = c.takes_member_id,
             .takes_skip_assignment = c.takes_skip_assignment},
            out_
        );
        deliver();
    }

    void sync(client& c) {
        const call_id call = ++last_call_;
        c.syncing = call;
        c.asked_at = now_;
        c.seen_at = now_;
        callers_[call] = c.number;
        sync_ask ask{.member_id = c.id, .instance_id = c.instance_id, .generation = c.generation};
        if (c.leader == c.id)
            for (const auto& id : c.to_assign) {
                const bytes text = std::to_string(c.generation) + ":" + id + ":" +
                                   std::to_string(random_.below(1000));
                ask.assignments.emplace_back(id, text);
            }
        if (c.leader == c.id && machine_.state() == group_state::completing_rebalance &&
            machine_.generation() == c.generation)
            for (const auto& [id, text] : ask.assignments)
                facts_[c.generation].assigned[id] = text;
        machine_.sync(now_, call, std::move(ask), out_);
        deliver();
    }

    void beat(client& c) {
        const auto verdict = machine_.heartbeat(now_, {c.id, c.instance_id}, c.generation);
        heard(c, verdict);
    }

    void heard(client& c, error_code verdict) {
        switch (verdict) {
        case error_code::none:
            ASSERT_EQ(c.generation, machine_.generation()) << "an old generation was believed";
            c.seen_at = now_;
            break;
        case error_code::rebalance_in_progress:
            c.seen_at = now_;
            c.settled = false;
            c.generation = -1;
            break;
        case error_code::unknown_member_id:
            ASSERT_FALSE(
                c.settled && c.generation == machine_.generation() && now_ - c.seen_at < session
            ) << "client "
              << c.number << " was put out before its session was over";
            [[fallthrough]];
        default:
            forget(c);
            break;
        }
    }

    void forget(client& c) {
        c.id.clear();
        c.generation = -1;
        c.settled = false;
    }

    void commit(client& c) {
        if (c.id.empty() || c.generation < 0)
            return;
        const auto verdict = machine_.check_commit(now_, {c.id, c.instance_id}, c.generation);
        if (verdict == error_code::none) {
            ASSERT_EQ(c.generation, machine_.generation()) << "a commit of an old generation";
            ASSERT_TRUE(machine_.members().contains(c.id));
            c.seen_at = now_;
        }
    }

    void zombie() {
        if (ghosts_.empty())
            return;
        const client& g = ghosts_[random_.below(ghosts_.size())];
        const bool is_member = machine_.members().contains(g.id);
        const auto verdict = machine_.check_commit(now_, {g.id, g.instance_id}, g.generation);
        if (!is_member || g.generation != machine_.generation()) {
            ASSERT_NE(verdict, error_code::none) << "a ghost's commit was taken";
        }
        if (g.instance_id && !is_member) {
            ASSERT_NE(
                machine_.heartbeat(now_, {g.id, g.instance_id}, g.generation),
                error_code::none
            );
        }
    }

    void leave(client& c) {
        machine_.leave(now_, {c.id, c.instance_id}, out_);
        remember_ghost(c);
        forget(c);
        deliver();
    }

    void disconnect(client& c) {
        for (auto* waiting : {&c.joining, &c.syncing})
            if (*waiting) {
                callers_.erase(**waiting);
                machine_.disconnected(now_, **waiting, out_);
                waiting->reset();
                c.seen_at = now_;
                deliver();
            }
    }

    void restart(client& c) {
        disconnect(c);
        remember_ghost(c);
        forget(c);
    }

    void remember_ghost(const client& c) {
        if (!c.id.empty() && c.generation >= 0)
            ghosts_.push_back(c);
    }

    void pass(milliseconds by) {
        const tick_point until = now_ + by;
        while (const auto next = machine_.next_deadline()) {
            if (*next > until)
                break;
            ASSERT_GE(*next, ticked_) << "the same deadline for ever";
            now_ = std::max(now_, *next);
            machine_.tick(now_, out_);
            ticked_ = now_ + 1ns;
            deliver();
        }
        now_ = std::max(now_, until);
        machine_.tick(now_, out_);
        deliver();
    }

    void deliver() {
        if (out_.changed)
            ++changes_;
        auto joins = std::move(out_.joins);
        auto syncs = std::move(out_.syncs);
        out_ = {};
        for (const auto& [call, answer] : joins)
            joined(call, answer);
        for (const auto& [call, answer] : syncs)
            synced(call, answer);
    }

    void joined(call_id call, const join_answer& answer) {
        const auto caller = callers_.extract(call);
        ASSERT_TRUE(caller) << "answered twice, or to nobody";
        client& c = clients_[static_cast<std::size_t>(caller.mapped())];
        ASSERT_EQ(c.joining, call);
        c.joining.reset();
        if (answer.error == error_code::member_id_required) {
            ASSERT_TRUE(c.takes_member_id && !c.instance_id);
            c.id = answer.member_id;
            return;
        }
        if (answer.error != error_code::none) {
            if (answer.error != error_code::rebalance_in_progress)
                forget(c);
            return;
        }
        ASSERT_EQ(answer.generation, machine_.generation());
        ASSERT_GE(answer.generation, highest_);
        highest_ = answer.generation;
        c.id = answer.member_id;
        c.generation = answer.generation;
        c.leader = answer.leader;
        c.seen_at = now_;
        c.settled = false;
        c.to_assign.clear();
        generation_facts& g = facts_[answer.generation];
        if (!g.protocol.empty()) {
            ASSERT_EQ(g.protocol, answer.protocol) << "two protocols in one generation";
        }
        g.protocol = answer.protocol;
        g.told.insert(c.id);
        if (answer.leader == c.id && !answer.skip_assignment) {
            if (!g.leader.empty()) {
                ASSERT_EQ(g.leader, c.id) << "two leaders in one generation";
            }
            g.leader = c.id;
            for (const auto& m : answer.members) {
                g.members.insert(m.member_id);
                c.to_assign.push_back(m.member_id);
            }
            ASSERT_TRUE(g.members.contains(c.id));
        } else if (!answer.skip_assignment) {
            ASSERT_TRUE(answer.members.empty()) << "only the leader is told the members";
        }
    }

    void synced(call_id call, const sync_answer& answer) {
        const auto caller = callers_.extract(call);
        ASSERT_TRUE(caller) << "answered twice, or to nobody";
        client& c = clients_[static_cast<std::size_t>(caller.mapped())];
        ASSERT_EQ(c.syncing, call);
        c.syncing.reset();
        if (answer.error == error_code::none) {
            ASSERT_EQ(c.generation, machine_.generation()) << "an assignment of an old generation";
            const auto& g = facts_[c.generation];
            // A static member that started again has another id than the leader knew.
            const auto known = g.assigned.find(c.id);
            if (known != g.assigned.end()) {
                ASSERT_EQ(answer.assigned, known->second);
            } else {
                ASSERT_TRUE(c.instance_id) << c.id << " was not assigned by its leader";
                ASSERT_EQ(
                    answer.assigned.substr(0, answer.assigned.find(':')),
                    std::to_string(c.generation)
                );
            }
            c.settled = true;
            c.seen_at = now_;
        } else if (answer.error == error_code::rebalance_in_progress) {
            c.generation = -1;
        } else {
            forget(c);
        }
    }

    void check() {
        // Everybody in a generation was in the list of its leader.
        const auto& g = facts_[machine_.generation()];
        if (!g.leader.empty())
            for (const auto& id : g.told) {
                const auto member = machine_.members().find(id);
                if (member != machine_.members().end() && !member->second.instance_id) {
                    ASSERT_TRUE(g.members.contains(id)) << id << " is unknown to the leader";
                }
            }
        std::size_t waiting = 0;
        for (const auto& [id, m] : machine_.members()) {
            waiting += m.joining ? 1 : 0;
            waiting += m.syncing ? 1 : 0;
            if (!m.joining && !m.syncing) {
                ASSERT_GT(m.session_end, now_) << id << " is dead and still a member";
            }
        }
        std::size_t asking = 0;
        for (const auto& c : clients_) {
            asking += c.joining ? 1 : 0;
            asking += c.syncing ? 1 : 0;
            if (c.joining || c.syncing) {
                ASSERT_LE(now_ - c.asked_at, longest_rebalance_ + 500ms)
                    << "client " << c.number << " waits for too long";
            }
        }
        ASSERT_EQ(waiting, asking) << "a question that nobody will answer";
        ASSERT_LE(machine_.members().size(), options_.members_max);
    }

    /// Nothing goes wrong any more: everybody gets an assignment of the same generation.
    void heal() {
        if (testing::Test::HasFatalFailure())
            return;
        const auto end = now_ + 3 * longest_rebalance_ + 3 * session;
        const auto all_settled = [&] {
            for (const auto& c : clients_)
                if (!c.settled || c.generation != machine_.generation())
                    return false;
            return machine_.state() == group_state::stable &&
                   machine_.members().size() == clients_.size();
        };
        while (!all_settled() && !testing::Test::HasFatalFailure()) {
            ASSERT_LT(now_, end) << "the group does not come to rest: "
                                 << to_string(machine_.state());
            for (client& c : clients_)
                live(c);
            check();
            pass(1s);
        }
    }

    group_options options_{};
    seeded_random random_;
    seeded_random machine_random_;
    group machine_{options_, machine_random_};
    group_actions out_{};
    std::vector<client> clients_{};
    std::deque<client> ghosts_{};
    std::map<call_id, int> callers_{};
    std::map<std::int32_t, generation_facts> facts_{};
    call_id last_call_ = 0;
    int changes_ = 0;
    std::int32_t highest_ = 0;
    milliseconds longest_rebalance_{0};
    tick_point now_{1h};
    tick_point ticked_{};
};

TEST(group_model, thousands_of_random_lives_keep_every_promise) {
    constexpr std::uint64_t histories = 3'000;
    for (std::uint64_t seed = 1; seed <= histories; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        history(seed).run(150);
        if (HasFatalFailure())
            return;
    }
}

} // namespace
} // namespace outbox::broker
