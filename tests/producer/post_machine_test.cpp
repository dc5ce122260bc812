#include "outbox/producer/post_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace outbox {
namespace {

using namespace std::chrono_literals;
namespace event = post_event;
namespace action = post_action;

class post_machine : public ::testing::Test {
protected:
    manual_clock clock;
    seeded_random random{1};
    post_tuning tuning{};
    std::optional<outbox::post_machine> machine{std::in_place, tuning, random};

    post_ticket
    offer(durability kind, std::chrono::milliseconds deadline = 30s, std::size_t size = 100) {
        return machine->offer(kind, size, clock.ticks() + deadline).value();
    }
    post_action_type tell(const post_event_type& e = event::woken{}) {
        return machine->resume(clock.ticks(), e);
    }
    event::wave_news
    answers(const std::vector<post_ticket>& tickets, post_answer what, bool complete = true) {
        event::wave_news news{.complete = complete};
        for (const post_ticket t : tickets)
            news.answers.push_back({.ticket = t, .what = what, .reason = "why", .position = {}});
        return news;
    }
    std::vector<settled_post> settled() {
        std::vector<settled_post> all;
        machine->take_settled(all);
        return all;
    }
    send_fate only_fate() {
        const auto all = settled();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? send_fate::lost : all[0].fate;
    }
};

template <class Action>
const Action& expect(const post_action_type& taken) {
    EXPECT_TRUE(std::holds_alternative<Action>(taken)) << "action " << taken.index();
    static const Action nothing{};
    const auto* found = std::get_if<Action>(&taken);
    return found != nullptr ? *found : nothing;
}

TEST_F(post_machine, sends_what_is_offered_together_and_says_how_it_ended) {
    const auto a = offer(durability::in_memory);
    const auto b = offer(durability::store_on_failure);
    const auto c = offer(durability::best_effort);
    const auto wave = expect<action::send>(tell()).wave;
    EXPECT_EQ(wave, (std::vector<post_ticket>{a, b, c}));
    expect<action::wait>(tell(answers(wave, post_answer::delivered)));
    const auto ends = settled();
    ASSERT_EQ(ends.size(), 3U);
    for (const settled_post& end : ends) {
        EXPECT_EQ(end.fate, send_fate::delivered);
        EXPECT_EQ(end.attempts, 1U);
    }
    EXPECT_EQ(machine->size(), 0U);
}

TEST_F(post_machine, best_effort_is_sent_once) {
    offer(durability::best_effort);
    const auto wave = expect<action::send>(tell()).wave;
    expect<action::wait>(tell(answers(wave, post_answer::unavailable)));
    EXPECT_EQ(only_fate(), send_fate::lost);
}

TEST_F(post_machine, in_memory_is_sent_again_later_each_time_before_what_came_after_it) {
    const auto a = offer(durability::in_memory);
    const auto b = offer(durability::in_memory);
    auto wave = expect<action::send>(tell()).wave;
    const auto c = offer(durability::in_memory);
    for (int i = 0; i < 5; ++i) {
        const auto pause = expect<action::wait>(tell(answers({wave}, post_answer::unavailable)));
        EXPECT_GT(pause.timeout, 0ms);
        clock.advance(pause.timeout);
        wave = expect<action::send>(tell()).wave;
        EXPECT_EQ(wave, (std::vector<post_ticket>{a, b, c}));
    }
    EXPECT_TRUE(settled().empty());
    tell(answers(wave, post_answer::delivered));
    EXPECT_EQ(settled().at(0).attempts, 6U);
}

TEST_F(post_machine, in_memory_is_lost_at_its_deadline) {
    offer(durability::in_memory, 1s);
    const auto wave = expect<action::send>(tell()).wave;
    clock.advance(999ms);
    EXPECT_EQ(expect<action::await_target>(tell(event::wave_news{})).timeout, 1ms);
    EXPECT_TRUE(settled().empty());
    clock.advance(1ms);
    expect<action::cancel_wave>(tell(event::wave_news{}));
    EXPECT_EQ(only_fate(), send_fate::lost);
    EXPECT_FALSE(machine->has_room() && machine->size() > 0);
    expect<action::wait>(tell(answers(wave, post_answer::delivered)));
    EXPECT_TRUE(settled().empty()) << "a late answer ended it twice";
}

TEST_F(post_machine, store_on_failure_becomes_a_row_when_sending_fails) {
    const auto a = offer(durability::store_on_failure);
    const auto wave = expect<action::send>(tell()).wave;
    EXPECT_EQ(
        expect<action::store>(tell(answers(wave, post_answer::unavailable))).rows,
        std::vector{a}
    );
    EXPECT_TRUE(settled().empty());
    tell(event::stored{.done = true, .reason = {}});
    EXPECT_EQ(only_fate(), send_fate::left_to_watchdog);
}

TEST_F(post_machine, store_on_failure_that_is_refused_becomes_no_row_that_would_block_others) {
    offer(durability::store_on_failure);
    const auto wave = expect<action::send>(tell()).wave;
    expect<action::wait>(tell(answers(wave, post_answer::rejected)));
    EXPECT_EQ(only_fate(), send_fate::rejected);
}

// The race that decides between a duplicate and a loss: one end, whichever side is first.
TEST_F(post_machine, an_answer_around_the_deadline_ends_it_once) {
    for (const auto offset : {-1ms, 0ms, 1ms}) {
        machine.emplace(tuning, random);
        const auto a = offer(durability::store_on_failure, 100ms);
        const auto wave = expect<action::send>(tell()).wave;
        tell(event::wave_news{});
        clock.advance(100ms + offset);
        if (offset <= 0ms) { // the answer is processed first: delivered, and no row
            expect<action::wait>(tell(answers(wave, post_answer::delivered)));
            EXPECT_EQ(only_fate(), send_fate::delivered);
            continue;
        }
        // The loop woke at the deadline and saw no answer.
        auto next = tell(event::wave_news{});
        expect<action::cancel_wave>(next);
        next = tell(event::wave_news{});
        EXPECT_EQ(expect<action::store>(next).rows, std::vector{a});
        next = tell(event::stored{.done = true, .reason = {}});
        EXPECT_EQ(only_fate(), send_fate::left_to_watchdog);
        expect<action::await_target>(next);
        expect<action::wait>(tell(answers(wave, post_answer::delivered)));
        EXPECT_TRUE(settled().empty());
    }
}

TEST_F(post_machine, an_answer_that_comes_while_the_row_is_not_written_yet_spares_it) {
    offer(durability::store_on_failure, 100ms);
    const auto wave = expect<action::send>(tell()).wave;
    clock.advance(100ms);
    expect<action::cancel_wave>(tell(event::wave_news{}));
    expect<action::wait>(tell(answers(wave, post_answer::delivered)));
    EXPECT_EQ(only_fate(), send_fate::delivered);
}

TEST_F(post_machine, while_the_target_is_away_rows_are_written_at_once) {
    offer(durability::in_memory);
    expect<action::send>(tell());
    const auto pause = expect<action::wait>(tell(answers({1}, post_answer::unavailable)));
    ASSERT_GT(pause.timeout, 0ms);
    const auto b = offer(durability::store_on_failure);
    EXPECT_EQ(expect<action::store>(tell()).rows, std::vector{b});
}

TEST_F(post_machine, a_row_that_cannot_be_written_is_tried_until_it_can) {
    offer(durability::store_on_failure);
    const auto wave = expect<action::send>(tell()).wave;
    auto next = tell(answers(wave, post_answer::unavailable));
    for (int i = 0; i < 20; ++i) {
        expect<action::store>(next);
        next = tell(event::stored{.done = false, .reason = "away"});
        EXPECT_TRUE(settled().empty());
        clock.advance(expect<action::wait>(next).timeout);
        next = tell();
    }
    expect<action::store>(next);
    tell(event::stored{.done = true, .reason = {}});
    EXPECT_EQ(only_fate(), send_fate::left_to_watchdog);
}

TEST_F(post_machine, holds_no_more_than_its_limits_a_wave_included) {
    tuning.messages_max = 3;
    tuning.bytes_max = 1'000;
    machine.emplace(tuning, random);
    offer(durability::best_effort, 10ms);
    offer(durability::best_effort, 10ms);
    expect<action::send>(tell());
    offer(durability::best_effort);
    EXPECT_FALSE(machine->offer(durability::best_effort, 1, clock.ticks()));
    clock.advance(10ms); // two end, but the target still holds them
    tell(event::wave_news{});
    EXPECT_EQ(settled().size(), 2U);
    EXPECT_FALSE(machine->has_room());
    tell(answers({1, 2}, post_answer::unavailable));
    EXPECT_TRUE(machine->has_room());
    offer(durability::best_effort, 30s, 5'000);
    EXPECT_FALSE(machine->has_room()) << "bytes count as well";
}

TEST_F(post_machine, waves_are_cut_by_messages_and_by_bytes) {
    tuning.wave_messages_max = 2;
    tuning.wave_bytes_max = 150;
    machine.emplace(tuning, random);
    const auto a = offer(durability::in_memory, 30s, 500);
    const auto b = offer(durability::in_memory, 30s, 70);
    const auto c = offer(durability::in_memory, 30s, 70);
    const auto d = offer(durability::in_memory, 30s, 1);
    auto wave = expect<action::send>(tell()).wave;
    EXPECT_EQ(wave, std::vector{a}) << "one is sent however large it is";
    wave = expect<action::send>(tell(answers(wave, post_answer::delivered))).wave;
    EXPECT_EQ(wave, (std::vector{b, c}));
    wave = expect<action::send>(tell(answers(wave, post_answer::delivered))).wave;
    EXPECT_EQ(wave, std::vector{d});
}

TEST_F(post_machine, a_stop_waits_for_what_is_on_its_way_then_stores_and_loses_the_rest) {
    const auto a = offer(durability::store_on_failure);
    const auto b = offer(durability::in_memory);
    const auto wave = expect<action::send>(tell()).wave;
    machine->request_stop(clock.ticks() + 5s);
    EXPECT_FALSE(machine->offer(durability::in_memory, 1, clock.ticks() + 1s));
    EXPECT_EQ(expect<action::await_target>(tell(event::wave_news{})).timeout, 5s);
    clock.advance(5s);
    expect<action::cancel_wave>(tell(event::wave_news{}));
    auto ends = settled();
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_EQ(ends[0].ticket, b);
    EXPECT_EQ(ends[0].fate, send_fate::lost);
    const auto next = tell(answers(wave, post_answer::unavailable));
    EXPECT_EQ(expect<action::store>(next).rows, std::vector{a});
    expect<action::stop>(tell(event::stored{.done = true, .reason = {}}));
    EXPECT_EQ(only_fate(), send_fate::left_to_watchdog);
}

TEST_F(post_machine, a_stop_with_broker_and_database_away_says_what_is_lost) {
    offer(durability::store_on_failure);
    const auto wave = expect<action::send>(tell()).wave;
    machine->request_stop(clock.ticks());
    expect<action::cancel_wave>(tell(event::wave_news{}));
    auto next = tell(answers(wave, post_answer::unavailable));
    expect<action::store>(next);
    next = tell(event::stored{.done = false, .reason = "away"});
    expect<action::store>(next);
    next = tell(event::stored{.done = false, .reason = "away"});
    expect<action::stop>(next);
    const auto ends = settled();
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_EQ(ends[0].fate, send_fate::lost);
    EXPECT_NE(ends[0].reason.find("away"), std::string::npos);
}

TEST_F(post_machine, an_idle_one_stops_at_once) {
    expect<action::wait>(tell());
    machine->request_stop(clock.ticks() + 5s);
    expect<action::stop>(tell());
}

// A target and a database that fail at random, deadlines, a stop: every message ends once, no
// store_on_failure is lost while the database works at the end, first deliveries of one kind keep
// their order, and no message is forgotten.
TEST_F(post_machine, ends_each_message_exactly_once_whatever_fails) {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
        seeded_random chance{seed};
        tuning.messages_max = 20;
        tuning.wave_messages_max = 4;
        tuning.store_messages_max = 3;
        machine.emplace(tuning, chance);
        std::map<post_ticket, durability> kinds;
        std::map<post_ticket, send_fate> ends;
        std::set<post_ticket> taken;  // by the target
        std::set<post_ticket> stored; // by the database
        std::vector<post_ticket> first_in_memory;
        std::vector<post_ticket> out; // of the wave, unanswered
        bool cancelled = false;
        post_event_type next_event = event::woken{};
        bool stopped = false;
        for (int step = 0; step < 3'000 && !stopped; ++step) {
            if (step < 600) {
                for (auto n = chance.below(3); n > 0; --n) {
                    const durability kind = std::array{
                        durability::store_on_failure,
                        durability::in_memory,
                        durability::best_effort}[chance.below(3)];
                    const auto t = machine->offer(
                        kind,
                        chance.below(50),
                        clock.ticks() + std::chrono::milliseconds{chance.below(400)}
                    );
                    if (t)
                        kinds[*t] = kind;
                }
            } else if (step == 600) {
                machine->request_stop(clock.ticks() + 100ms);
            }
            const post_action_type action = tell(next_event);
            for (const settled_post& end : settled()) {
                ASSERT_TRUE(ends.emplace(end.ticket, end.fate).second)
                    << "seed " << seed << ": ended twice";
                if (end.fate == send_fate::delivered) {
                    ASSERT_TRUE(taken.contains(end.ticket)) << "seed " << seed;
                } else if (end.fate == send_fate::left_to_watchdog) {
                    ASSERT_TRUE(stored.contains(end.ticket)) << "seed " << seed;
                }
            }
            clock.advance(std::chrono::milliseconds{chance.below(20)});
            next_event = event::woken{};
            if (const auto* send = std::get_if<action::send>(&action)) {
                ASSERT_TRUE(out.empty()) << "two waves at a time";
                ASSERT_LE(send->wave.size(), 4U);
                out = send->wave;
                cancelled = false;
                next_event = event::wave_news{};
            } else if (std::holds_alternative<action::cancel_wave>(action) || std::holds_alternative<action::await_target>(action)) {
                cancelled = cancelled || std::holds_alternative<action::cancel_wave>(action);
                event::wave_news news;
                while (!out.empty() && (cancelled || chance.below(2) == 0)) {
                    const post_ticket t = out.front();
                    out.erase(out.begin());
                    const auto dice = chance.below(10);
                    const bool has_it = !cancelled && dice < 5;
                    if (has_it && kinds.at(t) == durability::in_memory && taken.insert(t).second)
                        first_in_memory.push_back(t);
                    if (has_it)
                        taken.insert(t);
                    news.answers.push_back(
                        {.ticket = t,
                         .what = has_it      ? post_answer::delivered
                                 : dice == 9 ? post_answer::rejected
                                             : post_answer::unavailable,
                         .reason = "r",
                         .position = {}}
                    );
                }
                news.complete = out.empty();
                next_event = news;
            } else if (const auto* store = std::get_if<action::store>(&action)) {
                const bool works = step > 600 || chance.below(2) == 0;
                if (works)
                    stored.insert(store->rows.begin(), store->rows.end());
                next_event = event::stored{.done = works, .reason = "db"};
            } else if (const auto* wait = std::get_if<action::wait>(&action)) {
                clock.advance(std::min(wait->timeout, 50ms));
            } else {
                stopped = true;
            }
        }
        ASSERT_TRUE(stopped) << "seed " << seed << ": it never stops";
        ASSERT_EQ(ends.size(), kinds.size()) << "seed " << seed;
        for (const auto& [ticket, kind] : kinds)
            if (kind == durability::store_on_failure) {
                ASSERT_NE(ends.at(ticket), send_fate::lost) << "seed " << seed;
            }
        // Within a wave the target takes in order; one that failed goes before those behind it. A
        // message may be overtaken only within its own wave, where keys are the target's matter.
        for (std::size_t i = 1; i < first_in_memory.size(); ++i)
            ASSERT_LT(first_in_memory[i - 1], first_in_memory[i] + 12) << "seed " << seed;
        ASSERT_EQ(machine->size(), 0U);
        ASSERT_TRUE(machine->has_room());
    }
}

} // namespace
} // namespace outbox
