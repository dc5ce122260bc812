// What expect_sent() accepts, refuses and says, without and with GoogleTest's matchers.

#include "outbox/producer/producer.hpp"
#include "outbox/testing/gmock.hpp"
#include "outbox/testing/testing.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace outbox::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const subject order_paid{"orders.paid"};
const subject order_shipped{"orders.shipped"};

class expecting : public sqlite_fixture {
protected:
    producer sender;

    message paid(int id) const {
        return {
            .to = order_paid,
            .body = {{"orderId", id}},
            .key = order_key{id},
            .tags = {tag{"eu"}},
            .properties = {{"trace", "t-1"}}};
    }

    template <class Expectation>
    static std::string failure_of(Expectation expect) {
        try {
            expect();
        } catch (const expectation_failed& e) {
            return e.what();
        }
        return "no failure";
    }
};

TEST_F(expecting, a_message_that_waits_for_commit_is_found_and_returned) {
    sender.transact(*db, [&](auto& tx, outgoing& out) {
        expect_nothing_sent(tx);
        const message_id id = out.send(paid(42), with_receipt).id();
        const sent_message found = expect_sent(tx, order_paid);
        EXPECT_EQ(found.id, id);
        EXPECT_EQ(found.payload, R"({"orderId":42})");
        EXPECT_EQ(found.key, "42");
        EXPECT_THAT(found.tags, ElementsAre("eu"));
        EXPECT_EQ(found.property("trace"), "t-1");
        EXPECT_EQ(found.properties.size(), 1U) << "the request for a receipt is not the user's";
        EXPECT_EQ(found.content_type, "application/json");
    });
}

TEST_F(expecting, a_matcher_may_be_a_function_or_one_of_ours_or_of_googletest) {
    sender.transact(*db, [&](auto& tx, outgoing& out) {
        out.send({paid(1), paid(2)});
        const auto second = expect_sent(tx, order_paid, [](const sent_message& m) {
            return m.payload.find('2') != std::string::npos;
        });
        EXPECT_EQ(second.key, "2");
        expect_sent(tx, order_paid, with_body({{"orderId", 2}}));
        expect_sent(tx, order_paid, with_key(order_key{1}));
        expect_sent(
            tx,
            order_paid,
            AllOf(payload(HasSubstr("2")), key("2"), tags(ElementsAre("eu")))
        );
        EXPECT_THROW(expect_sent(tx, order_paid, with_key(order_key{3})), expectation_failed);
        EXPECT_THROW(expect_sent(tx, order_paid, with_body({{"orderId", 3}})), expectation_failed);
        EXPECT_THROW(expect_sent(tx, order_paid, payload(HasSubstr("3"))), expectation_failed);
        EXPECT_THROW(expect_sent(tx, order_shipped), expectation_failed);
        EXPECT_THROW(expect_nothing_sent(tx), expectation_failed);
    });
}

TEST_F(expecting, the_failure_says_what_is_sent_instead) {
    sender.transact(*db, [&](auto& tx, outgoing& out) {
        EXPECT_EQ(
            failure_of([&] { expect_sent(tx, order_paid); }),
            "expected a message to orders.paid; the transaction sends nothing"
        );
        out.send(paid(42));
        out.send({.to = order_shipped, .body = body::raw(std::string(300, '\x01'))});
        const std::string text =
            failure_of([&] { expect_sent(tx, order_paid, payload(HasSubstr("43"))); });
        EXPECT_THAT(
            text,
            AllOf(
                HasSubstr(
                    "expected a message to orders.paid that is an object whose field `payload` "
                    "has substring \"43\"; the transaction sends:"
                ),
                HasSubstr(
                    "1. orders.paid, key 42, tag eu, trace=t-1: {\"orderId\":42}\n     whose field"
                ),
                HasSubstr("2. orders.shipped: 0x0101"),
                HasSubstr("…\n     another subject")
            )
        );
        EXPECT_THAT(
            failure_of([&] { expect_sent(tx, order_paid, with_key(order_key{43})); }),
            HasSubstr("expected a message to orders.paid with the key 43; the transaction sends:")
        );
        for (int i = 0; i < 30; ++i)
            out.send(paid(i));
        EXPECT_THAT(failure_of([&] { expect_nothing_sent(tx); }), HasSubstr("and 12 more"));
    });
}

TEST_F(expecting, a_rolled_back_savepoint_takes_its_messages_along) {
    sender.transact(*db, [&](auto& tx, outgoing& out) {
        {
            auto undone = tx.savepoint();
            out.send(paid(1));
            expect_sent(tx, order_paid);
        }
        expect_nothing_sent(tx);
    });
}

TEST_F(expecting, a_failed_expectation_rolls_the_transaction_back) {
    EXPECT_THROW(
        sender.transact(
            *db,
            [&](auto& tx, outgoing& out) {
                out.send(paid(1));
                expect_sent(tx, order_shipped);
            }
        ),
        expectation_failed
    );
    EXPECT_EQ(messages(), 0);
}

} // namespace
} // namespace outbox::testing
