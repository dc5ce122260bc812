#include "outbox/base/error.hpp"
#include "outbox/message/delivery_time.hpp"
#include "outbox/message/envelope.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

TEST(delivery_time, is_a_delay_or_a_point_in_time) {
    ASSERT_NE(deliver_after(30s).delay(), nullptr);
    EXPECT_EQ(*deliver_after(30s).delay(), 30s);
    const auto at = deliver_at(time_point{1'800'000'000s});
    EXPECT_EQ(at.delay(), nullptr);
    EXPECT_EQ(at.since_epoch(), 1'800'000'000s);
}

TEST(delivery_time, levels_are_those_of_rocketmq) {
    const std::vector<std::chrono::seconds> delays{
        1s,
        5s,
        10s,
        30s,
        60s,
        120s,
        180s,
        240s,
        300s,
        360s,
        420s,
        480s,
        540s,
        600s,
        1200s,
        1800s,
        3600s,
        7200s};
    for (std::size_t i = 0; i < delays.size(); ++i)
        EXPECT_EQ(delay_level(static_cast<int>(i) + 1), deliver_after(delays[i]))
            << "level " << i + 1;
    EXPECT_THROW(delay_level(0), error);
    EXPECT_THROW(delay_level(19), error);
}

TEST(delivery_time, goes_with_the_message_and_not_into_its_bytes) {
    const message now{.to = subject{"a"}, .body = body::raw("x")};
    message later = now;
    later.deliver = deliver_after(30s);
    const message_id id{};
    EXPECT_EQ(freeze(later, id, {}).deliver, deliver_after(30s));
    EXPECT_EQ(freeze(later, id, {}).headers, freeze(now, id, {}).headers);
    EXPECT_EQ(freeze(later, id, {}).payload, freeze(now, id, {}).payload);
}

} // namespace
} // namespace outbox
