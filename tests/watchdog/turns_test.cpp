#include "watchdog/turns.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace outbox::watchdog {
namespace {

using namespace std::chrono_literals;

constexpr tick_point start{1h};

std::vector<int> all_of(turns& t, tick_point now) {
    std::vector<int> order;
    while (const auto next = t.next(now).next) {
        order.push_back(*next);
        t.done(*next, now - 1h); // nothing is kept
    }
    return order;
}

TEST(turns, the_highest_is_first_and_equals_go_in_the_order_they_came) {
    turns t{{}};
    t.want(1, 0);
    t.want(2, 5);
    t.want(3, 5);
    t.want(4, 9);
    EXPECT_EQ(all_of(t, start), (std::vector{4, 2, 3, 1}));
    EXPECT_FALSE(t.next(start).next);
}

TEST(turns, no_more_than_the_rules_allow_are_out) {
    turns t{{.at_once = 2}};
    for (int who = 1; who <= 4; ++who)
        t.want(who, 0);
    EXPECT_EQ(t.next(start).next, 1);
    EXPECT_EQ(t.next(start).next, 2);
    EXPECT_FALSE(t.next(start).next);
    t.done(1, start);
    EXPECT_EQ(t.next(start).next, 3);
    EXPECT_FALSE(t.next(start).next);
}

TEST(turns, a_low_one_waits_no_longer_than_the_rules_allow) {
    turns t{{.passed_over_max = 10}};
    t.want(1, 0);
    int before = 0;
    t.want(2, 9);
    for (tick_point now = start; t.next(now).next == 2; ++before) {
        t.done(2, now);
        t.want(2, 9);
        ASSERT_LE(before, 10);
    }
    EXPECT_EQ(before, 10) << "and a high one goes first until then";
}

TEST(turns, a_place_is_kept_for_a_moment_for_one_as_high) {
    turns t{{.kept_for = 5ms}};
    t.want(2, 9);
    EXPECT_EQ(t.next(start).next, 2);
    t.want(1, 0);
    t.done(2, start);
    const turns::answer nobody = t.next(start + 4ms);
    EXPECT_FALSE(nobody.next);
    EXPECT_EQ(nobody.ask_again, start + 5ms);
    t.want(2, 9);
    EXPECT_EQ(t.next(start + 4ms).next, 2) << "it came back in time";
    t.done(2, start + 4ms);
    EXPECT_EQ(t.next(start + 9ms).next, 1) << "it did not";
}

TEST(turns, a_place_is_not_kept_for_one_that_is_lower_than_who_waits) {
    turns t{{}};
    t.want(1, 0);
    EXPECT_EQ(t.next(start).next, 1);
    t.done(1, start);
    t.want(2, 0);
    EXPECT_EQ(t.next(start).next, 2);
}

TEST(turns, who_does_not_want_any_more_is_in_nobodys_way) {
    turns t{{}};
    t.want(1, 9);
    t.want(2, 0);
    t.done(1, start);
    t.done(77, start);
    EXPECT_EQ(t.next(start).next, 2);
    t.done(2, start);
    EXPECT_FALSE(t.next(start).next);
}

} // namespace
} // namespace outbox::watchdog
