#include "outbox/store/mysql/slice_plan.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace outbox::mysql {
namespace {

slice_plan plan(
    const char* holes,
    std::int64_t seq,
    const std::vector<seen_row>& rows,
    const slice_limits& limits = {},
    std::size_t open_holes_max = 100
) {
    return plan_slice(open_holes::parse(holes).value(), seq, rows, limits, open_holes_max);
}

TEST(mysql_slice_plan, opens_the_gaps_and_closes_what_is_filled) {
    const slice_plan p = plan("2-4,6", 7, {{3, 1}, {8, 1}, {11, 1}});
    EXPECT_EQ(p.taken, 3U);
    EXPECT_EQ(p.seq, 11);
    EXPECT_EQ(p.holes.text(), "2,4,6,9-10");
}

TEST(mysql_slice_plan, leaves_open_what_a_limit_cuts_off) {
    const slice_plan p = plan("2,4", 7, {{2, 1}, {4, 1}, {10, 1}}, {.message_count_max = 1});
    EXPECT_EQ(p.taken, 1U);
    EXPECT_EQ(p.seq, 7);
    EXPECT_EQ(p.holes.text(), "4");
}

TEST(mysql_slice_plan, takes_one_message_however_large) {
    EXPECT_EQ(plan("", 0, {{1, 500}, {2, 1}}, {.bytes_max = 10}).taken, 1U);
    EXPECT_EQ(plan("", 0, {{1, 5}, {2, 5}, {3, 1}}, {.bytes_max = 10}).taken, 2U);
}

TEST(mysql_slice_plan, stops_rather_than_forget_a_gap) {
    const slice_plan p = plan("1,3", 4, {{5, 1}, {7, 1}}, {}, 2);
    EXPECT_EQ(p.taken, 1U);
    EXPECT_EQ(p.seq, 5);
    EXPECT_EQ(p.holes.text(), "1,3");
    EXPECT_EQ(plan("1,3", 5, {{7, 1}}, {}, 2).taken, 0U);
    // What would make two holes of one waits as well, what closes one does not.
    EXPECT_EQ(plan("1,3-5", 6, {{4, 1}}, {}, 2).taken, 0U);
    EXPECT_EQ(plan("1,3-5", 6, {{1, 1}, {4, 1}, {7, 1}}, {}, 2).taken, 3U);
    EXPECT_EQ(plan("1,3-5", 6, {{3, 1}, {7, 1}}, {}, 2).taken, 2U);
}

} // namespace
} // namespace outbox::mysql
