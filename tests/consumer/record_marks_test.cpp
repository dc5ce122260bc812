#include "outbox/consumer/outcome.hpp"
#include "outbox/consumer/record_marks.hpp"
#include "outbox/consumer/record_reading.hpp"
#include "outbox/consumer/retry_policy.hpp"

#include "outbox/base/error.hpp"

#include <gmock/gmock.h>

#include <set>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

const group_name billing{"billing"};

record as_read(const outgoing_record& sent) {
    return {.key = sent.key, .value = sent.value, .headers = sent.headers};
}

const record_marks marks{
    .attempts_made = 2,
    .reason = "no such order",
    .group = "billing",
    .failed_at_ms = 1'800'000'000'123,
    .retry_at_ms = 1'800'000'030'123,
    .origin = {"orders.paid", 3, 1234},
    .origin_timestamp_ms = 1'799'999'999'000,
};

// What stands on the wire. A change here breaks groups in the middle of an upgrade.
TEST(record_marks, the_headers_are_these) {
    const record from{.key = "k", .value = "v", .headers = {{"x", "1"}, {"null", std::nullopt}}};
    const auto id = message_id::parse("0190b3d4-0000-7000-8000-000000000001");
    const auto made = mark(from, "billing.retry.30s", marks, id);
    EXPECT_EQ(made.topic, "billing.retry.30s");
    EXPECT_THAT(
        made.headers,
        ElementsAre(
            record_header{"x", "1"},
            record_header{"null", std::nullopt},
            record_header{"outbox-id", "0190b3d4-0000-7000-8000-000000000001"},
            record_header{"outbox-attempt", "2"},
            record_header{"outbox-error", "no such order"},
            record_header{"outbox-group", "billing"},
            record_header{"outbox-failed-at", "1800000000123"},
            record_header{"outbox-retry-at", "1800000030123"},
            record_header{"outbox-origin-topic", "orders.paid"},
            record_header{"outbox-origin-partition", "3"},
            record_header{"outbox-origin-offset", "1234"},
            record_header{"outbox-origin-timestamp", "1799999999000"}
        )
    );
    EXPECT_EQ(read_marks(as_read(made)), marks);
    // Again and again: never more headers.
    EXPECT_EQ(mark(as_read(made), "t", marks, id).headers, made.headers);
    const auto back = unmark(as_read(made), "orders.paid");
    EXPECT_THAT(
        back.headers,
        ElementsAre(
            record_header{"x", "1"},
            record_header{"null", std::nullopt},
            record_header{"outbox-id", "0190b3d4-0000-7000-8000-000000000001"}
        )
    );
    EXPECT_FALSE(back.makes_topic) << "a subject is not the consumer's to make";
}

TEST(record_marks, the_topics_are_called_so) {
    EXPECT_EQ(retry_topic(billing, 10s), "billing.retry.10s");
    EXPECT_EQ(retry_topic(billing, 90s), "billing.retry.90s");
    EXPECT_EQ(retry_topic(billing, 2h), "billing.retry.2h");
    EXPECT_EQ(retry_topic(billing, 48h), "billing.retry.2d");
    EXPECT_EQ(retry_topic(billing, 1500ms), "billing.retry.1500ms");
    EXPECT_EQ(dead_letter_topic("orders.paid", billing), "orders.paid.billing.dlt");
    for (const auto delay : retry_policy::default_delays())
        EXPECT_EQ(retry_topic_delay(billing, retry_topic(billing, delay)), delay);
    for (const auto* other :
         {"billing.retry.", "billing.retry.60s", "billing.retry.soon", "bill.retry.10s", "orders"})
        EXPECT_FALSE(retry_topic_delay(billing, other)) << other;
}

TEST(record_reading, a_record_of_a_retry_topic_must_say_where_it_comes_from) {
    const record_position here{"billing.retry.10s", 0, 5};
    const auto good = as_read(mark({.key = "k"}, "t", marks, message_id{message_id::array{1}}));
    const auto read = read_record(good, here, topic_role::retry);
    ASSERT_TRUE(read.message);
    EXPECT_EQ(read.message->subject, subject{"orders.paid"});
    EXPECT_EQ(read.message->attempt, 3U);
    EXPECT_EQ(read.message->last_failure, "no such order");
    EXPECT_EQ(read.message->origin, marks.origin);
    EXPECT_EQ(read.message->read_from, here);
    EXPECT_EQ(read.retry_at_ms, marks.retry_at_ms);
    for (const auto* name :
         {"outbox-attempt",
          "outbox-origin-partition",
          "outbox-origin-offset",
          "outbox-origin-timestamp",
          "outbox-retry-at"}) {
        for (const auto* value : {"", "x", "99999999999999999999", "-1x"}) {
            auto bad = good;
            bad.headers.push_back({name, value});
            EXPECT_FALSE(read_record(bad, here, topic_role::retry).message) << name << value;
        }
    }
    // In a subject's topic such headers say nothing.
    EXPECT_EQ(read_record(good, {"orders", 0, 1}, topic_role::subject).message->attempt, 1U);
}

TEST(record_reading, what_a_record_claims_is_believed_within_reason) {
    auto wild = marks;
    wild.attempts_made = 4'000'000'000;
    EXPECT_FALSE(
        read_record(as_read(mark({}, "t", wild, {})), {"r", 0, 0}, topic_role::retry).message
    );
    wild = marks;
    wild.origin_timestamp_ms = std::numeric_limits<std::int64_t>::max();
    const auto read = read_record(as_read(mark({}, "t", wild, {})), {"r", 0, 0}, topic_role::retry);
    ASSERT_TRUE(read.message);
    EXPECT_GT(read.message->created_at, time_point{});
}

TEST(record_reading, a_made_up_id_is_the_same_each_time_and_no_others) {
    std::set<message_id> ids;
    for (const auto* topic : {"a", "b"}) {
        for (const int partition : {0, 1, 300, 5'000}) {
            for (const std::int64_t offset : {0LL, 1LL, 1LL << 40}) {
                const auto id = made_up_id({topic, partition, offset}, 7);
                EXPECT_EQ(id, made_up_id({topic, partition, offset}, 7));
                EXPECT_TRUE(ids.insert(id).second);
                EXPECT_EQ(id.text()[14], '8');
            }
        }
    }
    EXPECT_NE(made_up_id({"a", 0, 0}, 7), made_up_id({"a", 0, 0}, 8));
}

TEST(record_reading, what_is_no_message_says_why) {
    const record_position here{"t", 0, 0};
    record lost;
    lost.headers_unreadable = true;
    for (const auto& bad :
         {lost,
          record{.headers = {{"outbox-id", "x"}}},
          record{.headers = {{"outbox-id", std::nullopt}}},
          record{.headers = {{"outbox-id", std::string(36, '0')}}},
          record{.headers = {{"outbox-id", "00000000-0000-0000-0000-000000000000"}}}}) {
        const auto read = read_record(bad, here, topic_role::subject);
        EXPECT_FALSE(read.message);
        EXPECT_NE(read.why, "");
    }
}

// RocketMQ's levels 3 to 18, as it retries what failed.
TEST(retry_policy, the_default_is_that_of_rocketmq) {
    EXPECT_THAT(
        retry_policy{}.delays,
        ElementsAre(
            10s,
            30s,
            1min,
            2min,
            3min,
            4min,
            5min,
            6min,
            7min,
            8min,
            9min,
            10min,
            20min,
            30min,
            1h,
            2h
        )
    );
    const auto waited = [](std::uint32_t attempt) {
        return decide_retry({}, attempt, {}, retry_place::in_place_only).delay;
    };
    EXPECT_EQ(waited(1), 10s);
    EXPECT_EQ(waited(16), 2h);
    EXPECT_EQ(decide_retry({}, 17, {}, retry_place::any).way, retry_way::dead_letter);
}

TEST(retry_policy, waits_are_those_of_the_policy) {
    const retry_policy policy{.delays = {10s, 30s, 60s}, .in_place_max = 1s};
    const auto any = [&](std::uint32_t attempt, std::optional<std::chrono::milliseconds> wanted) {
        return decide_retry(policy, attempt, wanted, retry_place::any);
    };
    const auto topic = [](std::chrono::milliseconds delay, std::size_t step) {
        return retry_decision{.way = retry_way::topic, .delay = delay, .step = step};
    };
    EXPECT_EQ(any(1, {}), topic(10s, 0));
    EXPECT_EQ(any(3, {}), topic(60s, 2));
    EXPECT_EQ(any(4, {}).way, retry_way::dead_letter);
    EXPECT_EQ(any(4, 1s).way, retry_way::dead_letter) << "asking does not help";
    EXPECT_EQ(any(1, 1s), (retry_decision{.way = retry_way::in_place, .delay = 1s}));
    EXPECT_EQ(any(1, 11s), topic(30s, 1)) << "rounded up";
    EXPECT_EQ(any(1, 2h), topic(2h, 2)) << "in several rounds";
    EXPECT_EQ(
        decide_retry(policy, 2, {}, retry_place::in_place_only),
        (retry_decision{.way = retry_way::in_place, .delay = 30s})
    );
    EXPECT_EQ(decide_retry({.delays = {}}, 1, {}, retry_place::any).way, retry_way::dead_letter);
    EXPECT_EQ(retry_policy{}.attempt_count_max(), 17U);
    retry_policy{}.check();
    for (const auto& bad :
         {retry_policy{.delays = {2s, 1s}},
          retry_policy{.delays = {0s}},
          retry_policy{.delays = {24h * 8}},
          retry_policy{.delays = std::vector(65, std::chrono::milliseconds{1})},
          retry_policy{.in_place_max = -1ms}})
        EXPECT_THROW(bad.check(), error);
}

} // namespace
} // namespace outbox
