#include "outbox/store/mysql/statement_horizon.hpp"

#include "outbox/base/random.hpp"
#include "outbox/store/mysql/slice_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace outbox::mysql {
namespace {

using namespace std::chrono_literals;

tick_point at(std::chrono::milliseconds time) {
    return tick_point{} + 1h + time;
}

TEST(mysql_statement_horizon, is_reached_at_once_when_nobody_executes_anything) {
    statement_horizon horizon;
    horizon.look(17, {});
    EXPECT_EQ(horizon.reached(), 17);
}

TEST(mysql_statement_horizon, waits_until_every_session_of_the_look_was_seen_at_rest) {
    statement_horizon horizon;
    horizon.look(17, std::vector<std::int64_t>{1, 2});
    EXPECT_EQ(horizon.reached(), 0);
    horizon.look(20, std::vector<std::int64_t>{1, 3});
    EXPECT_EQ(horizon.reached(), 0);
    // 2 executes again, which is no matter; 1 is at rest. 20 is for the next round.
    horizon.look(20, std::vector<std::int64_t>{2});
    EXPECT_EQ(horizon.reached(), 17);
    horizon.look(25, {});
    EXPECT_EQ(horizon.reached(), 25);
}

TEST(mysql_statement_horizon, without_sight_is_patient) {
    statement_horizon horizon;
    horizon.assume(17, at(0ms), 10s);
    horizon.assume(20, at(9'999ms), 10s);
    EXPECT_EQ(horizon.reached(), 0);
    horizon.assume(21, at(10'000ms), 10s);
    EXPECT_EQ(horizon.reached(), 17);
    horizon.assume(22, at(20'000ms), 10s);
    EXPECT_EQ(horizon.reached(), 21);
}

// ---- the whole matter, without a server
// -----------------------------------------------------------

// What InnoDB does, one small step at a time.
class world {
public:
    explicit world(std::uint64_t seed) : random(seed) {
        step_ = static_cast<std::int64_t>(1 + random.below(3));
    }

    // One session does one thing.
    void step() {
        const std::uint64_t id = random.below(4);
        session& s = sessions_[id];
        if (s.is_executing) { // drawn numbers become rows one by one, with pauses between them
            if (!s.drawn.empty() && random.below(3) != 0) {
                rows[s.drawn.front()] = row{.owner = id};
                s.drawn.erase(s.drawn.begin());
            } else if (s.drawn.empty() || random.below(20) == 0) { // or the statement fails
                s.drawn.clear();
                s.is_executing = false;
            }
            return;
        }
        switch (random.below(6)) {
        case 0: // another statement
            s.is_executing = true;
            break;
        case 1:
        case 2: // an INSERT draws all its numbers with its first row
            s.is_executing = true;
            for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
                s.drawn.push_back(next_);
                next_ += step_;
            }
            break;
        case 3: // DELETE of what it wrote itself, and ROLLBACK TO SAVEPOINT
            for (auto& [seq, r] : rows)
                if (r.owner == id && random.below(2) == 0)
                    r.is_hidden = !r.is_hidden;
            break;
        case 4:
            end(id, true);
            break;
        default:
            if (random.below(3) == 0)
                end(id, false);
        }
    }
    void steps() {
        for (std::uint64_t n = is_over_ ? 0 : random.below(4); n > 0; --n)
            step();
    }
    void finish() {
        for (std::uint64_t id = 0; id < 4; ++id) {
            while (sessions_[id].is_executing) {
                for (const std::int64_t seq : sessions_[id].drawn)
                    rows[seq] = row{.owner = id};
                sessions_[id].drawn.clear();
                sessions_[id].is_executing = false;
            }
            end(id, true);
        }
        is_over_ = true;
    }

    std::vector<std::int64_t> look() const {
        std::vector<std::int64_t> result;
        for (const auto& [id, s] : sessions_)
            if (s.is_executing)
                result.push_back(static_cast<std::int64_t>(id));
        return result;
    }

    struct row {
        std::optional<std::uint64_t> owner{}; // nothing: committed
        bool is_hidden = false;
    };

    seeded_random random;
    std::map<std::int64_t, row> rows;
    std::set<std::int64_t> committed;

private:
    struct session {
        bool is_executing = false;
        std::vector<std::int64_t> drawn{};
    };

    void end(std::uint64_t id, bool commits) {
        for (auto at = rows.begin(); at != rows.end();) {
            if (at->second.owner != id) {
                ++at;
            } else if (commits && !at->second.is_hidden) {
                at->second.owner.reset();
                committed.insert(at->first);
                ++at;
            } else {
                at = rows.erase(at);
            }
        }
    }

    std::map<std::uint64_t, session> sessions_;
    std::int64_t next_ = 1;
    std::int64_t step_ = 1;
    bool is_over_ = false;
};

// The reader as relay_store has it: between any two of its statements the world goes on.
class reader {
public:
    explicit reader(world& w) : world_(&w) {}

    void read() {
        const slice_limits limits{.message_count_max = 1 + world_->random.below(4)};
        constexpr std::size_t open_holes_max = 6;
        std::vector<seen_row> all;
        for (const auto& [seq, r] : world_->rows)
            if (!r.owner && seq > seq_ && all.size() <= limits.message_count_max)
                all.push_back({seq, 1});
        if (!all.empty())
            highest_seen_ = std::max(highest_seen_, all.back().seq);
        world_->steps();
        std::int64_t up_to = std::numeric_limits<std::int64_t>::max();
        slice_plan plan;
        while (true) {
            plan = plan_slice(holes_, seq_, all, limits, open_holes_max);
            if (plan.taken < all.size()) {
                up_to = all[plan.taken].seq - 1;
                all.resize(plan.taken);
            }
            bool found = false;
            const open_holes unread = plan.holes.up_to(up_to);
            for (const auto& [seq, r] : world_->rows) {
                if (!r.owner && contains(unread, seq)) {
                    all.push_back({seq, 1});
                    found = true;
                }
            }
            if (!found)
                break;
            std::ranges::sort(all, {}, &seen_row::seq);
            world_->steps();
        }
        for (const seen_row& row : all)
            delivered.push_back(row.seq);
        holes_ = plan.holes;
        seq_ = plan.seq;
        EXPECT_LE(holes_.size(), open_holes_max);
        world_->steps();
        settle();
    }

    std::vector<std::int64_t> delivered;
    const open_holes& holes() const { return holes_; }

private:
    static bool contains(const open_holes& all, std::int64_t seq) {
        return std::ranges::any_of(all.ranges(), [&](const number_range& r) {
            return r.first <= seq && seq <= r.last;
        });
    }

    void settle() {
        horizon_.look(highest_seen_, world_->look());
        open_holes empty = holes_.up_to(horizon_.reached());
        world_->steps();
        std::vector<std::int64_t> seen; // by a dirty read
        for (const auto& [seq, r] : world_->rows)
            if (!r.is_hidden)
                seen.push_back(seq);
        empty.close_stretches(seen);
        world_->steps();
        for (const number_range& range : empty.ranges()) {
            const bool locked = std::ranges::any_of(world_->rows, [&](const auto& entry) {
                return range.first <= entry.first && entry.first <= range.last;
            });
            if (!locked)
                holes_.close(range);
            world_->steps();
        }
    }

    world* world_;
    statement_horizon horizon_;
    open_holes holes_;
    std::int64_t seq_ = 0;
    std::int64_t highest_seen_ = 0;
};

TEST(mysql_statement_horizon, loses_nothing_and_repeats_nothing_in_a_thousand_histories) {
    std::size_t delivered = 0;
    for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
        world w{seed};
        reader r{w};
        for (int i = 0; i < 40; ++i) {
            w.step();
            r.read();
        }
        w.finish();
        for (int i = 0; i < 200 && r.delivered.size() < w.committed.size(); ++i)
            r.read();
        auto sorted = r.delivered;
        std::ranges::sort(sorted);
        ASSERT_EQ(sorted, std::vector<std::int64_t>(w.committed.begin(), w.committed.end()))
            << "seed " << seed;
        for (int i = 0; i < 10; ++i)
            r.read();
        ASSERT_TRUE(r.holes().empty()) << "seed " << seed << ": " << r.holes().text();
        delivered += sorted.size();
    }
    EXPECT_GT(delivered, 10'000U);
}

} // namespace
} // namespace outbox::mysql
