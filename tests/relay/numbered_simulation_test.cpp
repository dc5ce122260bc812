// Two or three numbered relays on one database that crashes, loses what was not flushed, loses
// sessions with and without their last write, and shows rows in another order at each reading.
// Machines and numbered stores are the real ones.

#include "outbox/relay/numbered_store.hpp"

#include "outbox/message/codec.hpp"
#include "outbox/relay/relay_machine.hpp"
#include "tests/relay/numbered_world.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using simulation::arrival;
using simulation::world;
using simulation::world_store;

std::string header_of(const stored_message& m, std::string_view name) {
    const headers all = decode_headers(m.content.headers);
    const bytes* value = find_header(all, name);
    return value != nullptr ? *value : "";
}

// One process that runs a relay; the loop of relay.cpp on the world.
class simulated_relay {
public:
    explicit simulated_relay(world& w) : world_(&w) { start(); }

    void start() {
        owner_ = world_->next_owner++;
        machine_ = std::make_unique<relay_machine>(timing_, world_->random);
        event_ = relay_event::woken{};
        asleep_until_ = world_->clock.ticks();
        store_.reset();
        current_.clear();
        next_.clear();
        wave_ = 0;
    }

    void step() {
        if (world_->clock.ticks() < asleep_until_)
            return;
        if (world_->strikes(300))
            start();
        if (world_->strikes(300)) {
            asleep_until_ =
                world_->clock.ticks() + std::chrono::milliseconds(world_->random.below(15'000));
            return;
        }
        const auto action = machine_->resume(world_->clock.ticks(), event_);
        try {
            event_ = std::visit([this](const auto& a) { return act(a); }, action);
        } catch (const error&) {
            store_.reset();
            event_ = relay_event::store_failed{.begin_again = true};
        }
    }

private:
    using result = relay_event_type;

    numbered_store& store() {
        if (!store_)
            store_ = std::make_unique<numbered_store>(
                std::make_unique<world_store>(*world_, owner_),
                world_->random,
                numbering_limits{.intents_max = 6, .messages_max = 12, .bytes_max = 1U << 20U}
            );
        return *store_;
    }

    result act(const relay_action::acquire&) {
        current_.clear();
        next_.clear();
        const auto asked_at = world_->clock.ticks();
        return relay_event::lease_answered{asked_at, store().acquire(0, "", timing_.lease, "")};
    }
    result act(const relay_action::renew& a) {
        const auto asked_at = world_->clock.ticks();
        return relay_event::lease_renewed{asked_at, store().renew(0, a.epoch, timing_.lease)};
    }
    result act(const relay_action::read& a) {
        slice found = store().read(0, a.from, {.message_count_max = 5});
        const std::size_t count = found.messages.size();
        if (count > 0)
            (current_.empty() ? current_ : next_) = std::move(found.messages);
        return relay_event::slice_read{count, found.after, found.more, found.record};
    }
    result act(const relay_action::deliver& a) {
        wave_ = std::min(a.count_max, current_.size());
        cut_ = false;
        news_ = {.outstanding = wave_, .delivered = 0, .unavailable = 0, .rejected = 0};
        return news_;
    }
    result act(const relay_action::await_target& a) {
        if (!world_->target_up && world_->strikes(2)) {
            sleep(a.timeout);
            return news_;
        }
        for (std::size_t left = world_->random.below(wave_) + 1; left > 0; --left)
            settle(world_->target_up);
        return news_;
    }
    result act(const relay_action::cancel_wave&) {
        while (wave_ > 0)
            settle(false);
        return news_;
    }
    result act(const relay_action::record& a) {
        return relay_event::progress_recorded{store().advance(0, a.epoch, a.to)};
    }
    result act(const relay_action::release_due& a) {
        return relay_event::due_released{store().release_due(0, a.epoch, a.count_max)};
    }
    result act(const relay_action::remove&) { return relay_event::removed{false}; }
    result act(const relay_action::forget_applied&) { return relay_event::forgotten{false}; }
    result act(const relay_action::release&) { return relay_event::released{}; }
    result act(const relay_action::wait& a) {
        sleep(a.timeout);
        return relay_event::woken{};
    }
    result act(const relay_action::stop&) { return relay_event::woken{}; }

    void sleep(std::chrono::milliseconds most) {
        asleep_until_ = world_->clock.ticks() + std::chrono::milliseconds(world_->random.below(
                                                    static_cast<std::uint64_t>(most.count()) + 1
                                                ));
    }

    // As in relay_simulation_test.cpp: behind the first that is not accepted none is.
    void settle(bool answers) {
        const bool known = answers && !cut_;
        const bool arrives = known || (!cut_ && world_->random.below(2) == 0);
        cut_ = cut_ || !arrives;
        const std::size_t at = news_.unavailable; // what is not delivered stays in front
        if (arrives)
            arrive(current_[at]);
        --wave_;
        --news_.outstanding;
        if (known) {
            ++news_.delivered;
            current_.erase(current_.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            ++news_.unavailable;
        }
        if (wave_ == 0 && current_.empty())
            current_ = std::exchange(next_, {});
    }

    void arrive(const stored_message& m) {
        ASSERT_EQ(header_of(m, header_name::shard), "0") << "row " << m.seq << " has no number";
        world_->arrived.push_back(
            {.row = m.seq,
             .source = header_of(m, header_name::source),
             .number = std::stoll(header_of(m, header_name::number))}
        );
    }

    world* world_;
    relay_timing timing_{};
    int owner_ = 0;
    std::unique_ptr<relay_machine> machine_;
    std::unique_ptr<numbered_store> store_;
    relay_event_type event_;
    tick_point asleep_until_{};
    std::vector<stored_message> current_, next_;
    std::size_t wave_ = 0;
    relay_event::wave_news news_{};
    bool cut_ = false;
};

struct totals {
    std::size_t arrivals = 0, repeated = 0, sources = 0, discarded = 0, lives = 0;
};

void check(const world& w, totals& sum) {
    std::map<std::pair<std::string, std::int64_t>, std::int64_t> row_of;
    std::map<std::int64_t, std::pair<std::string, std::int64_t>> number_of;
    std::map<std::string, std::int64_t> highest;
    std::set<std::int64_t> there;
    for (const arrival& a : w.arrived) {
        const std::pair number{a.source, a.number};
        EXPECT_EQ(row_of.emplace(number, a.row).first->second, a.row)
            << a.source << " " << a.number << " is two messages";
        EXPECT_EQ(number_of.emplace(a.row, number).first->second, number)
            << "row " << a.row << " has two numbers";
        if (!there.insert(a.row).second) {
            ++sum.repeated;
            continue;
        }
        auto& last = highest[a.source];
        // What is discarded while a frozen relay has it in hand may come late, or never.
        EXPECT_TRUE(a.number > last || w.discarded.contains(a.row))
            << "first deliveries of a source out of order";
        EXPECT_TRUE(a.number == last + 1 || !w.discarded.empty()) << "a gap";
        last = std::max(last, a.number);
        const auto needs = w.depends_on.find(a.row);
        ASSERT_NE(needs, w.depends_on.end()) << "row " << a.row << " was taken back";
        for (const std::int64_t earlier : needs->second)
            EXPECT_TRUE(there.contains(earlier) || w.discarded.contains(earlier))
                << a.row << " came before " << earlier << ", which it may depend on";
    }
    for (const std::int64_t row : w.now().commits)
        EXPECT_TRUE(there.contains(row) || w.discarded.contains(row))
            << "row " << row << " is lost";
    EXPECT_TRUE(w.now().intents.empty()) << "an intent is left behind";
    sum.arrivals += w.arrived.size();
    sum.sources += highest.size();
    sum.discarded += w.discarded.size();
    sum.lives += static_cast<std::size_t>(w.life);
}

void simulate(std::uint64_t seed, totals& sum) {
    world w{seed};
    std::vector<simulated_relay> relays;
    const auto relay_count = 1 + w.random.below(3);
    for (std::uint64_t i = 0; i < relay_count; ++i)
        relays.emplace_back(w);
    const bool discards = seed % 4 == 0;

    const auto run = [&](int steps) {
        for (int i = 0; i < steps; ++i) {
            w.clock.advance(std::chrono::milliseconds(w.random.below(20)));
            if (w.faults_on && w.last_seq < 80 && w.random.below(8) == 0)
                w.write_row();
            if (w.random.below(8) == 0)
                w.commit_row();
            if (w.strikes(200))
                w.target_up = !w.target_up;
            if (w.strikes(400))
                w.crash_database();
            if (!w.delayed.empty() && w.random.below(10) == 0) {
                const auto write = std::move(w.delayed.back());
                w.delayed.pop_back();
                write();
            }
            if (discards && w.strikes(200) && !w.now().commits.empty())
                w.discarded.insert(w.now().commits[w.random.below(w.now().commits.size())]);
            for (auto& relay : relays)
                relay.step();
        }
    };
    run(1'500);
    w.faults_on = false;
    w.target_up = true;
    run(4'000);
    check(w, sum);
}

TEST(numbered_simulation, one_number_is_one_message_for_ever_in_two_thousand_random_histories) {
    totals sum;
    for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
        simulate(seed, sum);
        if (HasFailure()) {
            ADD_FAILURE() << "seed " << seed;
            break;
        }
    }
    // That the faults strike at all.
    EXPECT_GT(sum.repeated, sum.arrivals / 50);
    EXPECT_GT(sum.sources, 2'000U);
    EXPECT_GT(sum.discarded, 500U);
    EXPECT_GT(sum.lives, 2'000U);
}

} // namespace
} // namespace outbox
