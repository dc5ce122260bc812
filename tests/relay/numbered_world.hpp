#pragma once
// A database, a target and their faults, in memory and in virtual time, for the simulation of
// numbered relays. The database keeps every state since its last flush and goes back to any of them
// when it crashes. It shows the rows of a window in the order of their seqs, and makes another
// window at each look, as PostgreSQL does; so the order differs from one reading to the next.

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/store/intent_book.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace outbox::simulation {

inline message_id id_of(std::int64_t row) {
    message_id::array raw{};
    for (std::size_t i = 0; i < 8; ++i)
        raw[15 - i] = static_cast<unsigned char>(row >> (8 * i));
    return message_id{raw};
}

/// What a crash of the database may take back, down to what was flushed.
struct database_state {
    std::vector<std::int64_t> commits; // seqs in the order of their commits
    cursor recorded{};
    std::int64_t epoch = 0;
    int owner = -1;
    std::int64_t claimed_by_epoch = 0;
    std::string source;
    std::int64_t next_place = 1;
    std::map<std::int64_t, intent> intents;
};

struct arrival {
    std::int64_t row = 0;
    std::string source;
    std::int64_t number = 0;
};

struct world {
    explicit world(std::uint64_t seed) : random(seed) { history.push_back({}); }

    seeded_random random;
    manual_clock clock;
    bool faults_on = true;
    /// Of the database: its sessions are those of one life.
    int life = 0;
    std::deque<database_state> history; // front: flushed; back: now
    tick_point lease_until{};
    int next_owner = 0;

    std::int64_t last_seq = 0;
    std::set<std::int64_t> uncommitted;
    /// Row → how many were committed before it was written: those it may depend on.
    std::map<std::int64_t, std::set<std::int64_t>> depends_on;
    std::set<std::int64_t> discarded;
    /// Writes whose session is lost and which the server has yet to carry out.
    std::vector<std::function<void()>> delayed;

    std::vector<arrival> arrived;
    bool target_up = true;

    bool strikes(std::uint64_t one_in) { return faults_on && random.below(one_in) == 0; }
    const database_state& now() const { return history.back(); }
    database_state& change() {
        history.push_back(history.back());
        return history.back();
    }
    void flush() { history.erase(history.begin(), history.end() - 1); }

    void crash_database() {
        history.resize(1 + random.below(history.size()));
        flush();
        // What a crash takes back was in memory: nobody can have heard of it.
        for (auto it = uncommitted.begin(); it != uncommitted.end();)
            it = uncommitted.erase(it);
        delayed.clear();
        ++life;
        const auto& kept = now().commits;
        std::erase_if(depends_on, [&](const auto& row) {
            return std::find(kept.begin(), kept.end(), row.first) == kept.end();
        });
    }

    void write_row() {
        const std::int64_t seq = ++last_seq;
        const auto& all = now().commits;
        depends_on[seq] = {all.begin(), all.end()};
        uncommitted.insert(seq);
    }
    void commit_row() {
        if (uncommitted.empty())
            return;
        auto row = uncommitted.begin();
        std::advance(row, static_cast<std::ptrdiff_t>(random.below(uncommitted.size())));
        change().commits.push_back(*row);
        uncommitted.erase(row);
    }
};

/// One session. Throws unreachable for ever once it is lost.
class world_store final : public relay_store, public intent_book {
public:
    world_store(world& w, int owner) : world_(&w), life_(w.life), owner_(owner) {}

    intent_book* intents() noexcept override { return this; }

    lease_answer
    acquire(int, const std::string&, std::chrono::milliseconds duration, const std::string&)
        override {
        may_fail();
        const auto now = world_->clock.ticks();
        if (world_->now().owner != owner_ && world_->lease_until > now)
            return {
                .granted = std::nullopt,
                .holder = "other",
                .held_for =
                    std::chrono::ceil<std::chrono::milliseconds>(world_->lease_until - now)};
        auto& state = world_->change();
        ++state.epoch;
        state.owner = owner_;
        world_->lease_until = now + duration;
        return {.granted = lease{state.epoch, state.recorded}, .holder = "", .held_for = duration};
    }
    write_result renew(int, std::int64_t epoch, std::chrono::milliseconds duration) override {
        may_fail();
        if (world_->now().epoch != epoch)
            return write_result::lease_lost;
        world_->lease_until = world_->clock.ticks() + duration;
        return write_result::done;
    }
    void release(int, std::int64_t epoch) override {
        if (world_->now().epoch == epoch)
            world_->lease_until = world_->clock.ticks();
    }

    // A window is "from:to", numbers of commits; "from" alone: everything up to there is read.
    slice read(int, const cursor& from, const slice_limits&) override {
        may_fail();
        if (world_->strikes(30))
            return {.messages = {}, .after = from, .more = false, .stalled = true};
        if (world_->strikes(30)) // as a list that is not complete yet
            return {.messages = {}, .after = from, .more = true};
        world_->flush();
        const auto colon = from.window.find(':');
        const std::size_t begin = from.window.empty() ? 0 : std::stoull(from.window);
        const bool inside = colon != std::string::npos;
        const auto& commits = world_->now().commits;
        const std::size_t end =
            inside ? std::stoull(from.window.substr(colon + 1)) : commits.size();
        std::vector<std::int64_t> rows(
            commits.begin() + static_cast<std::ptrdiff_t>(begin),
            commits.begin() + static_cast<std::ptrdiff_t>(end)
        );
        std::sort(rows.begin(), rows.end());
        std::erase_if(rows, [&](std::int64_t row) {
            return world_->discarded.contains(row) || (inside && row <= from.seq);
        });
        slice found;
        const std::size_t count = std::min<std::size_t>(rows.size(), 1 + world_->random.below(5));
        for (std::size_t i = 0; i < count; ++i)
            found.messages.push_back(
                {.seq = rows[i], .created_at = {}, .content = {.id = id_of(rows[i])}}
            );
        found.more = count < rows.size() || (inside && rows.empty());
        found.after.window = count < rows.size() ? std::to_string(begin) + ":" + std::to_string(end)
                                                 : std::to_string(end);
        found.after.seq = count > 0 ? rows[count - 1] : from.seq;
        return found;
    }

    write_result advance(int shard, std::int64_t epoch, const cursor& to) override {
        return advance_and_forget(shard, epoch, to, {});
    }
    bool remove_delivered(int, std::int64_t) override { return false; }
    bool forget_applied(std::chrono::seconds, std::size_t) override { return false; }
    release_answer release_due(int, std::int64_t, std::size_t) override { return {}; }
    store_status status(int) override { return {}; }

    claim_answer claim(int, std::int64_t epoch, const std::string& source) override {
        may_fail();
        if (world_->strikes(20))
            return {.result = write_result::busy, .next_place = 0};
        claim_answer answer;
        write([w = world_, epoch, source, &answer] {
            if (w->now().claimed_by_epoch > epoch) {
                answer.result = write_result::lease_lost;
                return;
            }
            auto& state = w->change();
            state.claimed_by_epoch = epoch;
            state.source = source;
            answer.next_place = state.next_place;
        });
        return answer;
    }
    std::vector<intent> load(int) override {
        may_fail();
        std::vector<intent> all;
        for (const auto& [place, what] : world_->now().intents)
            all.push_back(what);
        return all;
    }
    write_result bind(int, const intent& what) override {
        if (world_->strikes(20))
            return write_result::busy;
        auto result = write_result::done;
        const auto doing = [w = world_, what](write_result& answer) {
            if (w->now().source != what.source || w->now().next_place != what.place) {
                answer = write_result::lease_lost;
                return;
            }
            auto& state = w->change();
            ++state.next_place;
            EXPECT_TRUE(state.intents.emplace(what.place, what).second);
            w->flush();
        };
        may_be_lost_with(doing);
        may_fail();
        write([&] { doing(result); });
        return result;
    }
    write_result advance_and_forget(
        int,
        std::int64_t epoch,
        const cursor& to,
        std::span<const std::int64_t> places
    ) override {
        if (world_->strikes(20))
            return write_result::busy;
        auto result = write_result::done;
        const auto doing = [w = world_, epoch, to, all = std::vector(places.begin(), places.end())](
                               write_result& answer
                           ) {
            if (w->now().epoch != epoch) {
                answer = write_result::lease_lost;
                return;
            }
            auto& state = w->change(); // not flushed: a crash may take it back
            state.recorded = to;
            for (const std::int64_t place : all)
                EXPECT_EQ(state.intents.erase(place), 1U) << "forgotten twice";
        };
        may_be_lost_with(doing);
        may_fail();
        write([&] { doing(result); });
        return result;
    }

private:
    // The session is lost; the write is not, or not yet.
    template <class Change>
    void may_be_lost_with(const Change& doing) {
        if (!world_->strikes(25))
            return;
        lost_ = true;
        if (world_->random.below(2) == 0)
            world_->delayed.push_back([doing] {
                write_result nobody{};
                doing(nobody);
            });
    }
    void may_fail() {
        lost_ = lost_ || life_ != world_->life || world_->strikes(60);
        if (lost_)
            throw error(error_kind::unreachable, "the session is lost", "");
    }
    // Done, and perhaps the answer does not arrive.
    template <class Change>
    void write(const Change& doing) {
        doing();
        may_fail();
    }

    world* world_;
    int life_;
    int owner_;
    bool lost_ = false;
};

} // namespace outbox::simulation
