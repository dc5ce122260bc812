// drain() and the in-memory target: what a user's test can provoke with them.

#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/testing/testing.hpp"
#include "tests/store/sqlite/fixture.hpp"

namespace outbox::testing {
namespace {

const subject order_paid{"orders.paid"};
const subject order_shipped{"orders.shipped"};

class draining : public sqlite_fixture {
protected:
    producer sender;
    recording seen;
    recording_target to{seen};

    void send(const subject& about, int id) {
        sender.transact(*db, [&](auto&, outgoing& out) {
            out.send({.to = about, .body = {{"orderId", id}}, .key = order_key{id}});
        });
    }
    std::string keys() const {
        std::string all;
        for (const sent_message& m : seen.arrivals())
            all += m.key.value_or("-");
        return all;
    }
};

TEST_F(draining, everything_committed_so_far_arrives_once_and_in_order) {
    for (int i = 0; i < 5; ++i)
        send(order_paid, i);
    EXPECT_EQ(drain(*source, to).delivered, 5U);
    EXPECT_EQ(keys(), "01234");
    EXPECT_EQ(drain(*source, to).delivered, 0U);
    send(order_paid, 5);
    EXPECT_EQ(drain(*source, to).delivered, 1U);
    EXPECT_EQ(keys(), "012345");
    EXPECT_EQ(messages(), 0) << "what is delivered is removed";
    expect_delivered(seen, order_paid, with_key(order_key{5}));
    EXPECT_THROW(expect_delivered(seen, order_shipped), expectation_failed);
}

TEST_F(draining, what_is_scheduled_arrives_when_it_is_due) {
    sender.transact(*db, [&](auto& tx, outgoing& out) {
        out.send({.to = order_shipped, .deliver = deliver_after(std::chrono::hours{1})});
        out.send({.to = order_paid, .deliver = deliver_after(std::chrono::seconds{-1})});
        EXPECT_EQ(*expect_sent(tx, order_shipped).deliver, deliver_after(std::chrono::hours{1}));
    });
    EXPECT_EQ(drain(*source, to).delivered, 1U);
    expect_delivered(seen, order_paid);
    EXPECT_EQ(count("outbox_scheduled"), 1);
}

TEST_F(draining, what_is_rolled_back_never_arrives) {
    EXPECT_THROW(
        sender.transact(
            *db,
            [&](auto&, outgoing& out) {
                out.send({.to = order_paid});
                throw std::runtime_error{"no stock"};
            }
        ),
        std::runtime_error
    );
    EXPECT_EQ(drain(*source, to).delivered, 0U);
    expect_nothing_delivered(seen);
}

TEST_F(draining, an_outage_leaves_everything_for_the_next_time) {
    send(order_paid, 1);
    send(order_paid, 2);
    seen.be_away(true);
    const drained nothing = drain(*source, to);
    EXPECT_EQ(nothing.delivered, 0U);
    EXPECT_EQ(nothing.left, 2U);
    EXPECT_EQ(nothing.reason, "the test keeps the target away");
    seen.be_away(false);
    const drained all = drain(*source, to);
    EXPECT_EQ(all.delivered, 2U);
    EXPECT_EQ(all.left, 0U);
    EXPECT_EQ(all.reason, "");
    EXPECT_EQ(keys(), "12");
}

TEST_F(draining, a_refused_message_holds_up_those_behind_it) {
    send(order_paid, 1);
    send(order_shipped, 2);
    send(order_paid, 3);
    seen.refuse(order_shipped);
    for (int again = 0; again < 2; ++again) {
        const drained some = drain(*source, to);
        EXPECT_EQ(some.left, 2U);
        EXPECT_EQ(some.reason, "the test refuses messages to orders.shipped");
        EXPECT_EQ(keys(), "1") << "what was taken is not sent again";
    }
}

TEST_F(draining, a_lost_answer_shows_a_duplicate) {
    send(order_paid, 1);
    send(order_paid, 2);
    seen.lose_acks(1);
    EXPECT_EQ(drain(*source, to).delivered, 2U);
    EXPECT_EQ(keys(), "112");
    EXPECT_EQ(seen.arrivals()[0].id, seen.arrivals()[1].id);
}

TEST_F(draining, a_relay_that_holds_the_lease_is_named) {
    const auto other = source->open_relay_store();
    ASSERT_TRUE(other->acquire(0, "the watchdog", std::chrono::seconds{60}, "").granted);
    try {
        drain(*source, to);
        FAIL() << "it drained beside a relay";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::conflict);
        EXPECT_NE(std::string{e.what()}.find("held by the watchdog"), std::string::npos)
            << e.what();
    }
}

TEST_F(draining, within_an_open_write_transaction_it_says_so) {
    send(order_paid, 1);
    sqlite::execute(db.get(), "begin immediate", "begin");
    try {
        drain(*source, to);
        FAIL() << "it drained within a transaction";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::conflict) << e.what();
        EXPECT_NE(std::string{e.what()}.find("commit or roll back"), std::string::npos) << e.what();
    }
    sqlite::execute(db.get(), "commit", "commit");
    EXPECT_EQ(drain(*source, to).delivered, 1U);
}

TEST_F(draining, ids_are_the_same_in_every_run) {
    const auto id = [] {
        manual_clock clock;
        seeded_random chance{7};
        message_id_generator ids{clock, chance};
        return ids.next();
    };
    EXPECT_EQ(id(), id());
}

} // namespace
} // namespace outbox::testing
