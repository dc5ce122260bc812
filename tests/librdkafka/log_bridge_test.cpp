#include "outbox/librdkafka/log_bridge.hpp"

#include <gtest/gtest.h>

namespace outbox::kafka {
namespace {

TEST(line_budget, what_is_too_much_is_counted_and_said_in_the_next_period) {
    line_budget budget;
    const tick_point begin{std::chrono::hours{1}};
    for (int i = 0; i < line_budget::line_count_max; ++i)
        EXPECT_EQ(budget.ask(begin), 0U);
    for (int i = 0; i < 7; ++i)
        EXPECT_FALSE(budget.ask(begin + std::chrono::seconds{9}));
    EXPECT_EQ(budget.ask(begin + line_budget::period), 7U);
    EXPECT_EQ(budget.ask(begin + line_budget::period), 0U);
}

} // namespace
} // namespace outbox::kafka
