// The wrapper around a handler, in a consumer: what becomes of a message that somebody else holds.
#include "harness/wait_until.hpp"
#include "outbox/consumer/consumer.hpp"
#include "outbox/consumer/idempotency/idempotent.hpp"
#include "outbox/consumer/idempotency/memory_claims.hpp"
#include "tests/consumer/memory_source.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;

class idempotent_consumer : public testing::TestWithParam<consume_order> {};

// A member that dies in its handler leaves a claim, and whoever takes over meets it.
TEST_P(idempotent_consumer, what_somebody_else_holds_has_not_failed_however_long_he_does) {
    const group_name billing{"billing"};
    memory_claims claims;
    idempotency_checker checker{billing, [&] { return claims.open(); }};
    idempotency_checker other{billing, [&] { return claims.open(); }};
    const message_key key{std::string{"invoice 1"}};
    const auto held = other.claim(key, 24h);
    ASSERT_EQ(held.state, claim_state::fresh);

    memory_log log;
    log.add("orders", "k", "v");
    idempotency_counts counts;
    std::atomic<int> effects = 0;
    consumer under_test{
        std::make_unique<memory_source>(log),
        {.group = billing,
         .subjects = {subject{"orders"}},
         .order = GetParam(),
         .retries = {.delays = {}}, // what fails is dead at once
         .commit_interval = 1ms}};
    std::thread thread{[&] {
        under_test.run(idempotent(
            checker,
            [&](const delivery& d) {
                EXPECT_EQ(d.attempt, 1U);
                EXPECT_EQ(d.last_failure, "");
                ++effects;
                return outcome::ack();
            },
            {.key_of = [&](const delivery&) { return key; },
             .retry_least = 1ms,
             .retry_longest = 1ms,
             .counts = &counts}
        ));
    }};
    const auto is_over = [&] { return log.committed("orders") == 1; };
    wait_until([&] { return counts.in_progress >= 20 || is_over(); }, 60s, "it to be put off");
    EXPECT_EQ(effects, 0);
    other.release(key, held.token);
    wait_until(is_over, 60s, "the message to be done");
    under_test.request_stop();
    thread.join();
    EXPECT_EQ(effects, 1);
    EXPECT_TRUE(log.sent().empty()) << "no retry topic, no dead letter";
    EXPECT_EQ(under_test.stats().counts.failed, 0U);
    EXPECT_GE(under_test.stats().counts.deferred, 20U);
}

INSTANTIATE_TEST_SUITE_P(
    orders,
    idempotent_consumer,
    testing::Values(consume_order::by_key, consume_order::none),
    [](const auto& order) { return order.param == consume_order::by_key ? "by_key" : "unordered"; }
);

} // namespace
} // namespace outbox
