#include "outbox/consumer/idempotency/retention.hpp"

#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/message_key.hpp"
#include "outbox/consumer/retry_policy.hpp"

#include <gtest/gtest.h>

#include <string>

namespace outbox {
namespace {

using namespace std::chrono_literals;

// C5.
TEST(retention, one_that_is_shorter_than_the_horizon_is_refused) {
    const redelivery_horizon week{7 * 24h};
    EXPECT_EQ((retention{7 * 24h, week}.keep()), 7 * 24h);
    try {
        retention{7 * 24h - 1s, week};
        FAIL() << "a key would be forgotten while its message can come again";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::invalid_argument);
        EXPECT_NE(std::string{e.what()}.find("604800 s"), std::string::npos) << e.what();
        EXPECT_NE(e.hint(), "");
    }
    EXPECT_THROW(redelivery_horizon{0s}, error);
    EXPECT_THROW(redelivery_horizon{-1s}, error);
}

TEST(retention, the_horizon_counts_everything_a_message_may_go_through) {
    const auto horizon = [](const redelivery_path& path) {
        return redelivery_horizon::of(path).longest();
    };
    EXPECT_EQ(horizon({.relay_outage = 1h, .broker_retention = 10h}), 11h);
    EXPECT_EQ(
        horizon({.relay_outage = 1h, .broker_retention = 10h, .retry_delays = {30min, 90min}}),
        23h
    ) << "the last copy in a retry topic is kept for as long, too";
    EXPECT_EQ(
        horizon(
            {.relay_outage = 1h,
             .broker_retention = 10h,
             .retry_delays = {},
             .dead_letter_retention = 100h}
        ),
        122h
    ) << "a replay runs through all of it again";
}

TEST(retention, the_examples_in_our_own_texts_are_long_enough) {
    // docs/idempotency.md
    EXPECT_NO_THROW((retention{
        40 * 24h,
        redelivery_horizon::of({
            .relay_outage = 24h,
            .broker_retention = 7 * 24h,
            .retry_delays = {10s, 1min, 10min, 1h},
            .dead_letter_retention = 7 * 24h,
        })}));
    // retention.hpp
    EXPECT_NO_THROW((retention{
        16 * 24h,
        redelivery_horizon::of(
            {.broker_retention = 7 * 24h, .retry_delays = retry_policy::default_delays()}
        )}));
}

TEST(retention, times_without_sense_do_not_overflow) {
    const auto longest = std::chrono::seconds::max();
    const auto horizon = redelivery_horizon::of(
        {.relay_outage = longest,
         .broker_retention = longest,
         .retry_delays = {std::chrono::milliseconds::max(), std::chrono::milliseconds::max()},
         .dead_letter_retention = longest}
    );
    EXPECT_EQ(horizon.longest(), 10 * 365 * 24h);
    EXPECT_GT(redelivery_horizon::of({.relay_outage = -1s, .broker_retention = -1s}).longest(), 0s);
}

TEST(message_key, knows_its_limits) {
    EXPECT_THROW(message_key{std::string{}}, error);
    EXPECT_THROW(message_key{std::string(message_key_bytes_max + 1, 'x')}, error);
    EXPECT_EQ(message_key{std::string(message_key_bytes_max, 'x')}.raw().size(), 255U);
    EXPECT_THROW(message_key{message_id{}}, error) << "all messages without an id would share it";
    const auto id = message_id::parse("0190b3d4-0000-7000-8000-000000000001");
    EXPECT_EQ(message_key{*id}.raw(), id->raw());
}

} // namespace
} // namespace outbox
