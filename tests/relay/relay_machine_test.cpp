#include "outbox/relay/relay_machine.hpp"

#include <gtest/gtest.h>

#include <variant>

namespace outbox {
namespace {

using namespace std::chrono_literals;
namespace event = relay_event;
namespace action = relay_action;

// Walks one machine through a story. `now` moves only when the story says so.
class relay_machine : public ::testing::Test {
protected:
    manual_clock clock;
    seeded_random random{1};
    relay_timing timing;
    outbox::relay_machine machine{timing, random};

    // Scheduled messages have stories of their own.
    explicit relay_machine(const relay_timing& t = {.due_longest = 24h, .due_shortest = 24h})
        : timing(t) {}

    relay_action_type tell(const relay_event_type& e) { return machine.resume(clock.ticks(), e); }

    // What comes next when there is nothing to do.
    relay_action_type idle_after(const relay_action_type& taken) {
        if (std::holds_alternative<action::read>(taken))
            return tell(event::slice_read{0, {}, false});
        if (std::holds_alternative<action::renew>(taken))
            return tell(event::lease_renewed{clock.ticks(), write_result::done});
        if (std::holds_alternative<action::remove>(taken))
            return tell(event::removed{false});
        clock.advance(std::get<action::wait>(taken).timeout);
        return tell(event::woken{});
    }

    // To the point where the lease is held from cursor 0 and the machine wants to read.
    void take_lease(std::int64_t epoch = 7) {
        ASSERT_TRUE(std::holds_alternative<action::acquire>(tell(event::woken{})));
        const auto next = tell(event::lease_answered{
            clock.ticks(),
            {.granted = lease{epoch, {}}, .holder = {}, .held_for = {}}});
        ASSERT_TRUE(std::holds_alternative<action::read>(next));
    }

    // To the point where a wave of `count` messages is out and the machine waits for the target.
    void send_out(std::size_t count, std::int64_t up_to) {
        const auto next = tell(event::slice_read{count, {"", up_to}, false});
        ASSERT_TRUE(std::holds_alternative<action::deliver>(next));
        ASSERT_TRUE(
            std::holds_alternative<action::await_target>(tell(event::wave_news{count, 0, 0, 0}))
        );
    }

    static event::wave_news all_delivered(std::size_t count) { return {0, count, 0, 0}; }
    static event::wave_news all_unavailable(std::size_t count) { return {0, 0, count, 0}; }
};

template <class Action>
const Action& expect(const relay_action_type& taken) {
    EXPECT_TRUE(std::holds_alternative<Action>(taken)) << "action " << taken.index();
    static const Action nothing{};
    const auto* found = std::get_if<Action>(&taken);
    return found != nullptr ? *found : nothing;
}

TEST_F(relay_machine, takes_the_lease_reads_delivers_and_records) {
    take_lease();
    send_out(3, 30);
    const auto record = expect<action::record>(tell(all_delivered(3)));
    EXPECT_EQ(record.epoch, 7);
    EXPECT_EQ(record.to.seq, 30);
    const auto read = expect<action::read>(tell(event::progress_recorded{write_result::done}));
    EXPECT_EQ(read.from.seq, 30);
}

TEST_F(relay_machine, asks_again_when_somebody_else_holds_the_lease) {
    expect<action::acquire>(tell(event::woken{}));
    const auto taken = tell(event::lease_answered{clock.ticks(), {std::nullopt, "other", 9s}});
    EXPECT_EQ(expect<action::wait>(taken).timeout, 1s)
        << "a good holder frees it before it runs out";
    clock.advance(1s);
    expect<action::acquire>(tell(event::woken{}));
}

TEST_F(relay_machine, an_idle_relay_polls_ever_slower_down_to_a_second) {
    take_lease();
    auto taken = tell(event::slice_read{0, {}, false});
    EXPECT_EQ(expect<action::wait>(taken).timeout, 5ms);
    int reads = 0;
    const auto end = clock.ticks() + 60s;
    while (clock.ticks() < end) {
        reads += std::holds_alternative<action::read>(taken);
        taken = idle_after(taken);
    }
    EXPECT_GE(reads, 58);
    EXPECT_LE(reads, 75);
}

TEST_F(relay_machine, a_doorbell_makes_it_read_at_once) {
    take_lease();
    for (int i = 0; i < 10; ++i) { // become slow
        clock.advance(expect<action::wait>(tell(event::slice_read{0, {}, false})).timeout);
        if (!std::holds_alternative<action::read>(tell(event::woken{})))
            break;
    }
    tell(event::slice_read{0, {}, false});
    expect<action::read>(tell(event::doorbell{}));
}

TEST_F(relay_machine, reads_ahead_while_a_wave_is_out_when_more_is_known) {
    take_lease();
    expect<action::deliver>(tell(event::slice_read{5, {"", 5}, true}));
    EXPECT_EQ(expect<action::read>(tell(event::wave_news{5, 0, 0, 0})).from.seq, 5);
    expect<action::await_target>(tell(event::slice_read{5, {"", 10}, true}));
    const auto next = tell(all_delivered(5));
    expect<action::deliver>(next);
}

TEST_F(relay_machine, an_outage_is_probed_with_one_message_and_records_nothing) {
    take_lease();
    send_out(100, 100);
    auto taken = tell(all_unavailable(100));
    EXPECT_EQ(machine.breaker(), breaker_state::open);
    int probes = 0;
    const auto end = clock.ticks() + 60s;
    while (clock.ticks() < end) {
        if (std::holds_alternative<action::deliver>(taken)) {
            EXPECT_EQ(std::get<action::deliver>(taken).count_max, 1U);
            ++probes;
            taken = tell(all_unavailable(1));
        } else if (std::holds_alternative<action::renew>(taken)) {
            taken = tell(event::lease_renewed{clock.ticks(), write_result::done});
        } else if (std::holds_alternative<action::remove>(taken)) {
            taken = tell(event::removed{false});
        } else {
            clock.advance(expect<action::wait>(taken).timeout);
            taken = tell(event::woken{});
        }
    }
    EXPECT_GE(probes, 12) << "the longest wait between two probes is five seconds";
    EXPECT_LE(probes, 40);

    while (!std::holds_alternative<action::deliver>(taken)) {
        clock.advance(100ms);
        taken = std::holds_alternative<action::renew>(taken)
                    ? tell(event::lease_renewed{clock.ticks(), write_result::done})
                    : tell(event::woken{});
    }
    EXPECT_GT(expect<action::deliver>(tell(all_delivered(1))).count_max, 99U)
        << "the probe came through";
    EXPECT_EQ(machine.breaker(), breaker_state::closed);
    EXPECT_EQ(expect<action::record>(tell(all_delivered(99))).to.seq, 100);
}

TEST_F(relay_machine, a_refused_message_holds_the_cursor) {
    take_lease();
    send_out(10, 10);
    const auto taken = tell(event::wave_news{0, 9, 0, 1});
    expect<action::wait>(taken);
    clock.advance(6s);
    auto next = tell(event::woken{});
    if (std::holds_alternative<action::renew>(next))
        next = tell(event::lease_renewed{clock.ticks(), write_result::done});
    EXPECT_EQ(expect<action::deliver>(next).count_max, 1U);
    EXPECT_EQ(expect<action::record>(tell(all_delivered(1))).to.seq, 10);
}

TEST_F(relay_machine, renews_the_lease_while_a_wave_is_out) {
    take_lease();
    send_out(1, 1);
    clock.advance(3s);
    EXPECT_EQ(expect<action::renew>(tell(event::wave_news{1, 0, 0, 0})).epoch, 7);
    expect<action::remove>(tell(event::lease_renewed{clock.ticks(), write_result::done}));
    expect<action::await_target>(tell(event::removed{false}));
}

TEST_F(relay_machine, gives_up_the_wave_when_the_lease_could_not_be_renewed_in_time) {
    take_lease();
    send_out(4, 4);
    clock.advance(3s);
    expect<action::renew>(tell(event::wave_news{4, 0, 0, 0}));
    tell(event::store_failed{});
    clock.advance(7s); // ten seconds since the lease was asked for
    expect<action::cancel_wave>(tell(event::wave_news{4, 0, 0, 0}));
    EXPECT_FALSE(machine.holds_lease());
    expect<action::acquire>(tell(all_unavailable(4)));
}

TEST_F(relay_machine, a_session_that_cannot_be_replaced_takes_the_lease_with_it) {
    take_lease();
    send_out(4, 4);
    expect<action::cancel_wave>(tell(event::store_failed{.begin_again = true}));
    EXPECT_FALSE(machine.holds_lease());
    auto taken = tell(all_unavailable(4));
    for (int i = 0; i < 20 && !std::holds_alternative<action::acquire>(taken); ++i) {
        clock.advance(expect<action::wait>(taken).timeout);
        taken = tell(event::woken{});
    }
    expect<action::acquire>(taken);
}

TEST_F(relay_machine, what_is_worth_recording_is_recorded_without_a_message_and_never_too_early) {
    take_lease();
    const auto alone = expect<action::record>(tell(event::slice_read{0, {"", 5}, false, true}));
    EXPECT_EQ(alone.to.seq, 5);
    auto taken = tell(event::progress_recorded{write_result::done});
    for (int i = 0; i < 20 && !std::holds_alternative<action::read>(taken); ++i) {
        clock.advance(expect<action::wait>(taken).timeout);
        taken = tell(event::woken{});
    }
    EXPECT_EQ(expect<action::read>(taken).from.seq, 5);
    expect<action::deliver>(tell(event::slice_read{2, {"", 7}, true}));
    expect<action::read>(tell(event::wave_news{2, 0, 0, 0}));
    expect<action::await_target>(tell(event::slice_read{0, {"", 9}, false, true}));
    clock.advance(100ms);
    expect<action::await_target>(tell(event::wave_news{2, 0, 0, 0}));
    EXPECT_EQ(expect<action::record>(tell(all_delivered(2))).to.seq, 9);
}

TEST_F(relay_machine, the_lease_counts_from_before_the_question) {
    const auto asked_at = clock.ticks();
    tell(event::woken{});
    clock.advance(4s); // the database took its time
    tell(event::lease_answered{asked_at, {.granted = lease{7, {}}, .holder = {}, .held_for = {}}});
    clock.advance(6s);
    tell(event::slice_read{1, {"", 1}, false});
    EXPECT_FALSE(machine.holds_lease());
}

TEST_F(relay_machine, delivers_nothing_more_once_the_lease_is_lost) {
    take_lease();
    send_out(2, 2);
    expect<action::record>(tell(all_delivered(2)));
    expect<action::acquire>(tell(event::progress_recorded{write_result::lease_lost}));
    EXPECT_FALSE(machine.holds_lease());
}

TEST_F(relay_machine, progress_that_cannot_be_recorded_does_not_stop_delivery) {
    take_lease();
    send_out(1, 1);
    expect<action::record>(tell(all_delivered(1)));
    expect<action::read>(tell(event::progress_recorded{write_result::busy}));
    expect<action::deliver>(tell(event::slice_read{1, {"", 2}, false}));
    auto taken = tell(all_delivered(1));
    for (int i = 0; i < 20 && !std::holds_alternative<action::record>(taken); ++i) {
        clock.advance(20ms);
        taken = std::holds_alternative<action::read>(taken)
                    ? tell(event::slice_read{0, {"", 2}, false})
                    : tell(event::woken{});
    }
    EXPECT_EQ(expect<action::record>(taken).to.seq, 2)
        << "recorded later, with all that came since";
}

TEST_F(relay_machine, a_failing_database_is_left_alone_ever_longer_but_the_wave_goes_on) {
    take_lease();
    send_out(1, 1);
    tell(event::store_failed{});
    expect<action::await_target>(tell(event::wave_news{1, 0, 0, 0}));
    const auto taken = tell(all_delivered(1));
    EXPECT_LE(expect<action::wait>(taken).timeout, 50ms);
    clock.advance(50ms);
    expect<action::record>(tell(event::woken{}));
}

TEST_F(relay_machine, stops_after_the_wave_with_progress_recorded_and_the_lease_given_back) {
    take_lease();
    send_out(2, 2);
    machine.request_stop(clock.ticks());
    expect<action::await_target>(tell(event::wave_news{2, 0, 0, 0}));
    EXPECT_EQ(expect<action::record>(tell(all_delivered(2))).to.seq, 2);
    EXPECT_EQ(expect<action::release>(tell(event::progress_recorded{write_result::done})).epoch, 7);
    expect<action::stop>(tell(event::released{}));
}

TEST_F(relay_machine, a_stop_does_not_wait_for_a_target_that_is_away_for_ever) {
    take_lease();
    send_out(2, 2);
    machine.request_stop(clock.ticks());
    EXPECT_LE(expect<action::await_target>(tell(event::wave_news{2, 0, 0, 0})).timeout, 5s);
    clock.advance(5s);
    expect<action::cancel_wave>(tell(event::wave_news{2, 0, 0, 0}));
    expect<action::release>(tell(all_unavailable(2)));
    expect<action::stop>(tell(event::released{}));
}

TEST_F(relay_machine, a_stop_does_not_wait_for_a_database_that_is_away) {
    take_lease();
    send_out(1, 1);
    machine.request_stop(clock.ticks());
    expect<action::record>(tell(all_delivered(1)));
    expect<action::stop>(tell(event::store_failed{}));
}

TEST_F(relay_machine, a_stop_tries_again_to_record_while_somebody_else_writes) {
    take_lease();
    send_out(1, 1);
    machine.request_stop(clock.ticks());
    expect<action::record>(tell(all_delivered(1)));
    const auto pause =
        expect<action::wait>(tell(event::progress_recorded{write_result::busy})).timeout;
    EXPECT_LE(pause, 100ms);
    clock.advance(pause);
    expect<action::record>(tell(event::woken{}));
    tell(event::progress_recorded{write_result::busy});
    clock.advance(5s); // but not for ever
    expect<action::release>(tell(event::lease_renewed{clock.ticks(), write_result::done}));
}

class relay_machine_and_time : public relay_machine {
protected:
    relay_machine_and_time() : relay_machine(relay_timing{}) {}

    // To the point where it looks for scheduled messages for the first time.
    void come_to_the_first_look() {
        take_lease();
        auto taken = tell(event::slice_read{0, {}, false});
        while (!std::holds_alternative<action::release_due>(taken)) {
            if (const auto* wait = std::get_if<action::wait>(&taken)) {
                clock.advance(wait->timeout);
                taken = tell(event::woken{});
            } else {
                taken = tell(event::slice_read{0, {}, false});
            }
        }
        EXPECT_EQ(std::get<action::release_due>(taken).epoch, 7);
    }

    // How long after `answer` it looks again, when nothing else happens.
    std::chrono::milliseconds next_look_after(const release_answer& answer) {
        const auto begin = clock.ticks();
        auto taken = tell(event::due_released{answer});
        while (!std::holds_alternative<action::release_due>(taken)) {
            if (const auto* wait = std::get_if<action::wait>(&taken)) {
                clock.advance(wait->timeout);
                taken = tell(event::woken{});
            } else if (std::holds_alternative<action::read>(taken)) {
                taken = tell(event::slice_read{0, {}, false});
            } else {
                taken = tell(event::removed{false});
            }
        }
        return std::chrono::duration_cast<std::chrono::milliseconds>(clock.ticks() - begin);
    }
};

TEST_F(relay_machine_and_time, looks_when_the_next_message_is_due_and_not_before) {
    come_to_the_first_look();
    EXPECT_EQ(next_look_after({write_result::done, 0, 437ms}), 437ms);
    EXPECT_EQ(next_look_after({write_result::done, 0, 5h}), 1s)
        << "it may be cancelled, or another come";
    EXPECT_EQ(next_look_after({write_result::done, 0, std::nullopt}), 1s);
}

TEST_F(relay_machine_and_time, what_is_released_is_read_at_once) {
    come_to_the_first_look();
    expect<action::read>(tell(event::due_released{{write_result::done, 3, std::nullopt}}));
}

TEST_F(relay_machine_and_time, more_than_one_piece_is_released_without_a_pause) {
    come_to_the_first_look();
    EXPECT_EQ(next_look_after({write_result::done, 1'000, 0ms}), 0ms);
}

TEST_F(relay_machine_and_time, does_not_spin_around_one_that_is_due_and_locked) {
    come_to_the_first_look();
    EXPECT_EQ(next_look_after({write_result::done, 0, 0ms}), 100ms);
    EXPECT_EQ(next_look_after({write_result::busy, 0, 0ms}), 100ms);
}

TEST_F(relay_machine_and_time, a_doorbell_makes_it_read_first_and_then_look) {
    come_to_the_first_look();
    EXPECT_EQ(next_look_after({write_result::done, 0, std::nullopt}), 1s);
    tell(event::due_released{{write_result::done, 0, std::nullopt}});
    clock.advance(500ms);
    tell(event::slice_read{0, {}, false});
    expect<action::read>(tell(event::doorbell{}));
    expect<action::release_due>(tell(event::slice_read{0, {}, false}));
    // But not for each of many.
    tell(event::due_released{{write_result::done, 0, std::nullopt}});
    clock.advance(1ms);
    expect<action::read>(tell(event::doorbell{}));
    EXPECT_EQ(expect<action::wait>(tell(event::slice_read{0, {}, false})).timeout, 5ms);
}

TEST_F(relay_machine_and_time, gives_up_when_the_lease_is_lost) {
    come_to_the_first_look();
    expect<action::acquire>(tell(event::due_released{{write_result::lease_lost, 0, std::nullopt}}));
}

class relay_machine_that_forgets : public relay_machine {
protected:
    relay_machine_that_forgets()
        : relay_machine(
              {.lease = 24h,
               .lease_renewal = 8h,
               .removal_interval = 24h,
               .forget_interval = 60s,
               .due_longest = 24h,
               .due_shortest = 24h}
          ) {}

    // Goes on with an empty outbox until it forgets, and returns how long that took.
    std::chrono::milliseconds until_it_forgets(relay_action_type taken) {
        const auto begin = clock.ticks();
        while (!std::holds_alternative<action::forget_applied>(taken) && clock.ticks() < begin + 1h
        ) {
            if (std::holds_alternative<action::read>(taken)) {
                taken = tell(event::slice_read{0, {}, false});
            } else {
                clock.advance(expect<action::wait>(taken).timeout);
                taken = tell(event::woken{});
            }
        }
        return std::chrono::duration_cast<std::chrono::milliseconds>(clock.ticks() - begin);
    }
};

TEST_F(relay_machine_that_forgets, what_consumers_noted_piece_by_piece_and_then_rests) {
    take_lease();
    EXPECT_LE(until_it_forgets(tell(event::slice_read{0, {}, false})), 1s);
    EXPECT_EQ(until_it_forgets(tell(event::forgotten{.more = true})), 100ms);
    EXPECT_EQ(until_it_forgets(tell(event::forgotten{.more = false})), 60s);
}

TEST_F(relay_machine_that_forgets, only_while_it_holds_the_lease_and_behind_every_message) {
    expect<action::acquire>(tell(event::woken{}));
    auto taken = tell(event::lease_answered{clock.ticks(), {std::nullopt, "other", 1h}});
    for (int i = 0; i < 200; ++i) {
        EXPECT_FALSE(std::holds_alternative<action::forget_applied>(taken));
        if (std::holds_alternative<action::acquire>(taken)) {
            taken = tell(event::lease_answered{clock.ticks(), {std::nullopt, "other", 1h}});
            continue;
        }
        clock.advance(expect<action::wait>(taken).timeout);
        taken = tell(event::woken{});
    }
    expect<action::read>(tell(event::lease_answered{
        clock.ticks(),
        {.granted = lease{7, {}}, .holder = {}, .held_for = {}}}));
    clock.advance(1h);
    expect<action::deliver>(tell(event::slice_read{3, {"", 3}, true}));
    expect<action::read>(tell(event::wave_news{3, 0, 0, 0}));
}

TEST_F(relay_machine, forgets_nothing_unless_told) {
    take_lease();
    auto taken = tell(event::slice_read{0, {}, false});
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_FALSE(std::holds_alternative<action::forget_applied>(taken));
        taken = idle_after(taken);
    }
}

TEST_F(relay_machine, stops_at_once_without_a_lease) {
    machine.request_stop(clock.ticks());
    expect<action::stop>(tell(event::woken{}));
}

} // namespace
} // namespace outbox
