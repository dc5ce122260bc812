// Two or three relays, one store, one target, all in memory and in virtual time, with crashes,
// pauses longer than a lease, outages and failing writes drawn from a seed. The machines are the
// real ones; the rest is a model.

#include "outbox/relay/relay_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

struct world {
    explicit world(std::uint64_t seed) : random(seed) {}

    seeded_random random;
    manual_clock clock;
    bool faults_on = true;

    // The store: rows 1..committed; the lease row.
    std::int64_t committed = 0;
    std::multiset<tick_point> scheduled;
    std::int64_t recorded = 0;
    std::int64_t epoch = 0;
    int owner = -1;
    tick_point lease_until{};
    int next_owner = 0;

    // The target: what arrived, in order of arrival.
    std::vector<std::int64_t> arrived;
    bool target_up = true;

    bool strikes(std::uint64_t one_in) { return faults_on && random.below(one_in) == 0; }
};

// One process that runs a relay. Carries out the machine's actions against the world.
class simulated_relay {
public:
    explicit simulated_relay(world& w) : world_(&w) { start(); }

    void start() {
        owner_ = world_->next_owner++;
        machine_ = std::make_unique<relay_machine>(timing_, world_->random);
        event_ = relay_event::woken{};
        asleep_until_ = world_->clock.ticks();
        current_.clear();
        next_.clear();
        wave_.clear();
    }

    void step() {
        if (world_->clock.ticks() < asleep_until_)
            return;
        if (world_->strikes(400))
            start();                // killed and started again; what was in memory is gone
        if (world_->strikes(400)) { // SIGSTOP, also for longer than the lease
            asleep_until_ =
                world_->clock.ticks() + std::chrono::milliseconds(world_->random.below(15'000));
            return;
        }
        const auto action = machine_->resume(world_->clock.ticks(), event_);
        event_ = std::visit([this](const auto& a) { return act(a); }, action);
    }

private:
    using result = relay_event_type;

    bool mine(std::int64_t epoch) const {
        return world_->epoch == epoch && world_->owner == owner_;
    }

    result act(const relay_action::acquire&) {
        current_.clear();
        next_.clear();
        const auto asked_at = world_->clock.ticks();
        if (world_->strikes(20))
            return relay_event::store_failed{};
        if (world_->owner != owner_ && world_->lease_until > asked_at)
            return relay_event::lease_answered{
                asked_at,
                {std::nullopt,
                 "other",
                 std::chrono::duration_cast<std::chrono::milliseconds>(
                     world_->lease_until - asked_at
                 )}};
        ++world_->epoch;
        world_->owner = owner_;
        world_->lease_until = asked_at + timing_.lease;
        return relay_event::lease_answered{
            asked_at,
            {lease{world_->epoch, {"", world_->recorded}}, "", {}}};
    }
    result act(const relay_action::renew& a) {
        const auto asked_at = world_->clock.ticks();
        if (world_->strikes(20))
            return relay_event::store_failed{};
        if (!mine(a.epoch))
            return relay_event::lease_renewed{asked_at, write_result::lease_lost};
        world_->lease_until = asked_at + timing_.lease;
        return relay_event::lease_renewed{asked_at, write_result::done};
    }
    result act(const relay_action::read& a) {
        if (world_->strikes(50))
            return relay_event::store_failed{};
        std::vector<std::int64_t> found;
        const auto limit = static_cast<std::int64_t>(1 + world_->random.below(5));
        for (auto seq = a.from.seq + 1; seq <= std::min(world_->committed, a.from.seq + limit);
             ++seq)
            found.push_back(seq);
        const std::int64_t after = found.empty() ? a.from.seq : found.back();
        if (!found.empty())
            (current_.empty() ? current_ : next_) = found;
        return relay_event::slice_read{found.size(), {"", after}, after < world_->committed};
    }
    result act(const relay_action::deliver& a) {
        EXPECT_TRUE(machine_->holds_lease());
        EXPECT_TRUE(wave_.empty()) << "two waves at once";
        const auto count = std::min(a.count_max, current_.size());
        wave_.assign(current_.begin(), current_.begin() + static_cast<std::ptrdiff_t>(count));
        cut_ = false;
        news_ = {.outstanding = count, .delivered = 0, .unavailable = 0, .rejected = 0};
        return news_;
    }
    result act(const relay_action::await_target& a) {
        if (!world_->target_up && world_->strikes(2)) { // time passes without an answer
            sleep(a.timeout);
            return news_;
        }
        const std::size_t count = world_->random.below(wave_.size()) + 1;
        for (std::size_t i = 0; i < count; ++i)
            settle(world_->target_up);
        return news_;
    }
    result act(const relay_action::cancel_wave&) {
        while (!wave_.empty())
            settle(false);
        return news_;
    }
    result act(const relay_action::record& a) {
        if (world_->strikes(20))
            return relay_event::store_failed{};
        if (world_->strikes(20))
            return relay_event::progress_recorded{write_result::busy};
        if (!mine(a.epoch))
            return relay_event::progress_recorded{write_result::lease_lost};
        EXPECT_GE(a.to.seq, world_->recorded) << "the cursor went back";
        world_->recorded = a.to.seq;
        check_recorded();
        return relay_event::progress_recorded{write_result::done};
    }
    result act(const relay_action::release_due& a) {
        if (world_->strikes(20))
            return relay_event::store_failed{};
        release_answer answer;
        if (world_->strikes(20)) {
            answer.result = write_result::busy;
        } else if (!mine(a.epoch)) {
            answer.result = write_result::lease_lost;
        } else {
            auto& all = world_->scheduled;
            const auto now = world_->clock.ticks();
            for (; !all.empty() && *all.begin() <= now && answer.released < a.count_max;
                 ++answer.released) {
                all.erase(all.begin());
                ++world_->committed;
            }
            if (!all.empty())
                answer.next_due =
                    std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(*all.begin() - now));
        }
        return relay_event::due_released{answer};
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

    // A target keeps order: once one message of a wave is not accepted, none behind it is. Of what
    // it does not answer for, some may have arrived after all.
    void settle(bool answers) {
        const bool known = answers && !cut_;
        const bool arrives = known || (!cut_ && world_->random.below(2) == 0);
        cut_ = !arrives || cut_;
        const std::int64_t seq = wave_.front();
        wave_.erase(wave_.begin());
        --news_.outstanding;
        if (arrives)
            world_->arrived.push_back(seq);
        if (known) {
            ++news_.delivered;
            std::erase(current_, seq);
        } else {
            ++news_.unavailable;
        }
        if (wave_.empty() && current_.empty())
            current_ = std::exchange(next_, {});
    }

    void check_recorded() const {
        std::set<std::int64_t> there(world_->arrived.begin(), world_->arrived.end());
        for (std::int64_t seq = 1; seq <= world_->recorded; ++seq)
            ASSERT_TRUE(there.contains(seq))
                << "the cursor passed " << seq << ", which never arrived";
    }

    world* world_;
    relay_timing timing_{};
    int owner_ = 0;
    std::unique_ptr<relay_machine> machine_;
    relay_event_type event_;
    tick_point asleep_until_{};
    std::vector<std::int64_t> current_, next_, wave_;
    relay_event::wave_news news_{};
    bool cut_ = false;
};

void simulate(std::uint64_t seed) {
    world w{seed};
    std::vector<simulated_relay> relays;
    const auto relay_count = 1 + w.random.below(3);
    for (std::uint64_t i = 0; i < relay_count; ++i)
        relays.emplace_back(w);

    const auto run = [&](int steps) {
        for (int i = 0; i < steps; ++i) {
            w.clock.advance(std::chrono::milliseconds(w.random.below(20)));
            if (w.faults_on && w.committed < 60 && w.random.below(10) == 0)
                ++w.committed;
            if (w.faults_on && w.random.below(100) == 0)
                w.scheduled.insert(
                    w.clock.ticks() + std::chrono::milliseconds(w.random.below(3'000))
                );
            if (w.strikes(200))
                w.target_up = !w.target_up;
            for (auto& relay : relays)
                relay.step();
        }
    };
    run(1'500);
    w.faults_on = false; // safety first, then liveness: after the last fault everything must arrive
    w.target_up = true;
    run(4'000);

    EXPECT_TRUE(w.scheduled.empty()) << "a due message stayed where it was";
    EXPECT_EQ(w.recorded, w.committed) << "not everything was delivered and recorded";
    std::int64_t highest = 0;
    for (const std::int64_t seq : w.arrived) {
        EXPECT_LE(seq, highest + 1) << "first deliveries out of order";
        highest = std::max(highest, seq);
    }
    EXPECT_EQ(highest, w.committed) << "lost";
}

TEST(relay_simulation, nothing_is_lost_or_reordered_in_two_thousand_random_histories) {
    for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
        simulate(seed);
        if (HasFailure()) {
            ADD_FAILURE() << "seed " << seed;
            return;
        }
    }
}

} // namespace
} // namespace outbox
