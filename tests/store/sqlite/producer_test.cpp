#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/relay_store.hpp"

#include <stdexcept>
#include <string>

namespace outbox::testing {
namespace {

const subject order_paid{"orders.paid"};

class sqlite_producer : public sqlite_fixture {
protected:
    producer sender;

    void begin() { run("begin"); }
    void run(const char* sql) { sqlite::execute(db.get(), sql, sql); }
    slice read_all() {
        sqlite::relay_store store{path};
        return store.read(0, {}, {});
    }
    void place_order(int id) {
        run(("insert into orders values (" + std::to_string(id) + ", 'paid')").c_str());
    }
};

TEST_F(sqlite_producer, change_and_message_commit_together) {
    const message_id id = sender.transact(*db, [&](sqlite_transaction& tx, outgoing& out) {
        tx.execute("insert into orders values (42, 'paid')");
        const message_id made = out.send(
            {.to = order_paid, .body = {{"orderId", 42}}, .key = order_key{42}, .tags = {tag{"vip"}}}
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

TEST_F(sqlite_producer, an_exception_takes_both_back_and_comes_out_as_it_was) {
    EXPECT_THROW(
        sender.transact(*db, [&](sqlite_transaction& tx, outgoing& out) {
            tx.execute("insert into orders values (1, 'paid')");
            out.send({.to = order_paid});
            throw std::domain_error("the user's own");
        }),
        std::domain_error
    );
    EXPECT_EQ(orders(), 0);
    EXPECT_EQ(messages(), 0);
}

TEST_F(sqlite_producer, a_failed_send_poisons_the_transaction_even_when_swallowed) {
    const body too_large = body::raw(bytes(2'000'000, 'x'));
    EXPECT_THROW(
        sender.transact(*db, [&](sqlite_transaction& tx, outgoing& out) {
            tx.execute("insert into orders values (1, 'paid')");
            try {
                out.send({.to = order_paid, .body = too_large});
            } catch (const error&) {
            }
        }),
        error
    );
    EXPECT_EQ(orders(), 0) << "the order is there without its message";

    begin();
    place_order(2);
    EXPECT_THROW(sender.send(*db, {.to = order_paid, .body = too_large}), error);
    EXPECT_NE(sqlite3_exec(db.get(), "commit", nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_EQ(orders(), 0);
}

TEST_F(sqlite_producer, a_row_that_cannot_be_written_poisons_too) {
    run("drop table outbox_message");
    EXPECT_THROW(
        sender.transact(*db, [&](sqlite_transaction& tx, outgoing& out) {
            tx.execute("insert into orders values (1, 'paid')");
            out.send({.to = order_paid});
        }),
        error
    );
    EXPECT_EQ(orders(), 0);
}

TEST_F(sqlite_producer, join_writes_into_the_users_own_transaction) {
    begin();
    place_order(1);
    outgoing out = sender.join(*db);
    out.send({.to = order_paid, .body = body::raw("a")});
    out.send({{.to = order_paid, .body = body::raw("b")}, {.to = order_paid, .body = body::raw("c")}});
    run("commit");
    out.nudge();
    const slice read = read_all();
    ASSERT_EQ(read.messages.size(), 3U);
    EXPECT_EQ(read.messages[0].content.payload, "a");
    EXPECT_EQ(read.messages[2].content.payload, "c");

    begin();
    sender.send(*db, {.to = order_paid});
    run("rollback");
    EXPECT_EQ(messages(), 3);
}

TEST_F(sqlite_producer, a_savepoint_that_is_rolled_back_takes_its_message_along) {
    begin();
    sender.send(*db, {.to = order_paid, .body = body::raw("outer")});
    run("savepoint inner");
    sender.send(*db, {.to = order_paid, .body = body::raw("inner")});
    run("rollback to inner");
    run("commit");
    const slice read = read_all();
    ASSERT_EQ(read.messages.size(), 1U);
    EXPECT_EQ(read.messages[0].content.payload, "outer");
}

TEST_F(sqlite_producer, refuses_a_connection_without_a_transaction) {
    try {
        sender.send(*db, {.to = order_paid});
        FAIL() << "sent in autocommit mode";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::not_in_transaction);
    }
    EXPECT_EQ(messages(), 0);
    begin();
    outgoing out = sender.join(*db);
    run("commit");
    EXPECT_THROW(out.send({.to = order_paid}), error) << "the joined transaction is over";
}

TEST_F(sqlite_producer, refuses_transact_inside_a_transaction) {
    begin();
    EXPECT_THROW(sender.transact(*db, [](auto&, outgoing&) {}), usage_error);
    run("rollback");
}

TEST_F(sqlite_producer, nothing_is_written_for_a_transaction_that_sends_nothing) {
    sender.transact(*db, [&](sqlite_transaction& tx, outgoing&) { tx.execute("insert into orders values (1, 'new')"); });
    EXPECT_EQ(orders(), 1);
    EXPECT_EQ(messages(), 0);
}

TEST_F(sqlite_producer, a_commit_rings_the_relays_doorbell) {
    doorbell_listener listener;
    sqlite::relay_store store{path};
    ASSERT_TRUE(store.acquire(0, "me", std::chrono::seconds{10}, listener.address()).granted);
    sender.transact(*db, [&](auto&, outgoing& out) { out.send({.to = order_paid}); });
    EXPECT_TRUE(listener.await(std::chrono::seconds{5}));
}

} // namespace
} // namespace outbox::testing
