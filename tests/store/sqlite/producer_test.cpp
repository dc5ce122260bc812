#include "tests/store/sqlite/fixture.hpp"

#include "outbox/message/codec.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/relay_store.hpp"

#include <string>

namespace outbox::testing {
namespace {

const subject order_paid{"orders.paid"};

class sqlite_producer : public sqlite_fixture {
protected:
    producer sender;

    slice read_all() {
        sqlite::relay_store store{path};
        return store.read(0, {}, {});
    }
};

TEST_F(sqlite_producer, change_and_message_commit_together) {
    const message_id id = sender.transact(*db, [&](sqlite_transaction& tx, outgoing& out) {
        tx.execute("insert into orders values (42, 'paid')");
        const message_id made = out.send(
            {.to = order_paid,
             .body = {{"orderId", 42}},
             .key = order_key{42},
             .tags = {tag{"vip"}}}
        );
        EXPECT_EQ(messages(), 0) << "held back until COMMIT";
        return made;
    });
    EXPECT_EQ(orders(), 1);
    const slice read = read_all();
    ASSERT_EQ(read.messages.size(), 1U);
    const envelope& stored = read.messages[0].content;
    EXPECT_EQ(stored.id, id);
    EXPECT_EQ(stored.subject, "orders.paid");
    EXPECT_EQ(stored.key, "42");
    EXPECT_EQ(stored.payload, R"({"orderId":42})");
    const auto age = system_clock().now() - read.messages[0].created_at;
    EXPECT_LT(age < std::chrono::seconds{0} ? -age : age, std::chrono::seconds{60});
}

TEST_F(sqlite_producer, nothing_is_written_for_a_transaction_that_sends_nothing) {
    sender.transact(*db, [&](sqlite_transaction& tx, outgoing&) {
        tx.execute("insert into orders values (1, 'new')");
    });
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(messages(), 0);
}

} // namespace
} // namespace outbox::testing
