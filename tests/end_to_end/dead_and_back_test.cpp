// From a business's transaction to a handler, into the dead-letter topic and back: SQLite, a relay,
// our broker and a consumer, all real.

#include "harness/broker_server.hpp"
#include "harness/wait_until.hpp"
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/consumer/kafka/dead_letters.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/target/kafka/kafka_target.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;

const subject order_paid{"orders.paid"};
const group_name billing{"billing"};
const std::string dead_letters = "orders.paid.billing.dlt";

class dead_and_back : public sqlite_fixture {
protected:
    harness::broker_server broker;

    void SetUp() override {
        sqlite_fixture::SetUp();
        relay_.emplace(
            *source,
            std::make_unique<kafka_target>(kafka_options{.brokers = broker.address()})
        );
        relaying_ = std::thread{[this] { relay_->run(); }};
    }
    void TearDown() override {
        if (consumer_)
            consumer_->request_stop();
        if (consuming_.joinable())
            consuming_.join();
        relay_->request_stop();
        relaying_.join();
    }

    kafka_source_options here() const { return {.brokers = broker.address(), .session = 6s}; }

    /// Returns when the broker has it.
    void send(message what) {
        producer sender;
        sender.transact(*db, [&](auto&, outgoing& out) { out.send(std::move(what)); });
        wait_until([&] { return relay_->stats().delivered == 1; }, 60s, "the relay");
    }
    void consume(std::function<outcome(const delivery&)> handle) {
        consumer_.emplace(
            here(),
            consumer_options{
                .group = billing,
                .subjects = {order_paid},
                .order = consume_order::none,
                .handlers = 1,
                .retries = {.delays = {100ms}, .in_place_max = 0ms}}
        );
        consuming_ = std::thread{[this, handle] {
            consumer_->run([&](const delivery& d) {
                auto said = handle(d);
                const std::lock_guard hold{mutex_};
                seen_.push_back(d);
                return said;
            });
        }};
    }
    std::vector<delivery> wait_for(std::size_t count) const {
        const auto seen = [this] {
            const std::lock_guard hold{mutex_};
            return seen_;
        };
        wait_until(
            [&] { return seen().size() >= count; },
            60s,
            std::to_string(count) + " deliveries"
        );
        return seen();
    }
    std::vector<dead_letter> wait_for_dead() const {
        std::vector<dead_letter> all;
        wait_until(
            [&] {
                all.clear();
                for (const auto& each : count_dead_letters(here())) {
                    if (each.topic == dead_letters)
                        read_dead_letters(here(), dead_letters, [&](const dead_letter& one) {
                            all.push_back(one);
                            return true;
                        });
                }
                return !all.empty();
            },
            60s,
            "a dead letter"
        );
        return all;
    }

private:
    std::optional<relay> relay_;
    std::thread relaying_;
    std::optional<kafka_consumer> consumer_;
    std::thread consuming_;
    mutable std::mutex mutex_;
    std::vector<delivery> seen_;
};

std::string header_of(const record& from, std::string_view name) {
    for (const auto& each : from.headers) {
        if (each.name == name)
            return each.value.value_or("(null)");
    }
    return "(none)";
}

TEST_F(dead_and_back, a_trace_goes_with_its_message_wherever_that_goes) {
    const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const std::string state = "congo=t61rcWkgMzE";
    const auto trace = trace_context::parse(parent, state);
    ASSERT_TRUE(trace);
    send({.to = order_paid, .body = {{"orderId", 1}}, .trace = trace});
    std::atomic<bool> repaired = false;
    consume([&](const delivery& d) {
        if (repaired)
            return outcome::ack();
        return d.attempt == 1 ? outcome::retry("not yet") : outcome::dead_letter("never");
    });
    const auto seen = wait_for(2);
    EXPECT_EQ(seen[0].read_from.topic, "orders.paid");
    EXPECT_EQ(seen[0].trace(), trace);
    EXPECT_EQ(seen[1].read_from.topic, "billing.retry.100ms");
    EXPECT_EQ(seen[1].trace(), trace);
    const auto dead = wait_for_dead();
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(header_of(dead[0].record, "traceparent"), parent);
    EXPECT_EQ(header_of(dead[0].record, "tracestate"), state);
    repaired = true;
    EXPECT_EQ(resend_dead_letters(here(), dead_letters), 1U);
    const auto again = wait_for(3)[2];
    EXPECT_EQ(again.attempt, 1U);
    EXPECT_EQ(again.trace(), trace);
}

// C5: a replay has no effect as long as the key of its message is kept, and a second one when it is
// forgotten.
TEST_F(dead_and_back, a_replay_is_applied_again_only_when_its_key_is_forgotten) {
    const auto ledger = connect();
    std::atomic<bool> repaired = false;
    send({.to = order_paid, .body = {{"orderId", 1}}});
    consume([&](const delivery& d) {
        sqlite::execute(ledger.get(), "begin immediate", "handler");
        if (first_time(*ledger, billing, d.id))
            sqlite::execute(ledger.get(), "insert into orders (state) values ('paid')", "handler");
        sqlite::execute(ledger.get(), "commit", "handler");
        return repaired ? outcome::ack() : outcome::dead_letter("the printer is out of paper");
    });
    const auto dead = wait_for_dead();
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(orders(), 1);
    repaired = true;
    EXPECT_EQ(resend_dead_letters(here(), dead_letters), 1U);
    const auto seen = wait_for(2);
    EXPECT_EQ(seen[1].id, seen[0].id);
    EXPECT_EQ(orders(), 1) << "its key is kept";

    const auto forget = [&](std::chrono::hours keep) {
        sqlite::execute(db.get(), "begin immediate", "forget");
        const auto gone = forget_consumed(*db, retention{keep, redelivery_horizon{24h}});
        sqlite::execute(db.get(), "commit", "forget");
        return gone;
    };
    sqlite::execute(
        db.get(),
        "update outbox_consumed set consumed_at = consumed_at - 10 * 86400000000",
        "ten days later"
    );
    EXPECT_EQ(forget(11 * 24h), 0U);
    resend_dead_letter(here(), dead[0].at);
    wait_for(3);
    EXPECT_EQ(orders(), 1) << "within its retention";
    EXPECT_EQ(forget(9 * 24h), 1U);
    resend_dead_letter(here(), dead[0].at);
    wait_for(4);
    EXPECT_EQ(orders(), 2) << "it is as new";
}

} // namespace
} // namespace outbox::testing
