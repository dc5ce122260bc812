// The door for the C API: what is sent is in the transaction, and in no other.

#include "outbox/store/mysql/mysql.hpp"

#include "outbox/producer/producer.hpp"
#include "tests/store/mysql/server.hpp"
#include "tests/store/relay_store_exam.hpp"
#include "tests/support/turns_proxy.hpp"

#include <gmock/gmock.h>
#include <mysql.h>

#include <optional>
#include <thread>

namespace outbox::mysql {
namespace {

const subject order_paid{"orders.paid"};

message paid(int id) {
    return {.to = order_paid, .body = {{"orderId", id}}, .key = order_key{id}};
}

// With and without CLIENT_MULTI_STATEMENTS: the same promises.
class mysql_producer : public testing::TestWithParam<unsigned long> {
protected:
    mysql_producer() { sql.execute("create table orders (id int primary key, state text)"); }

    using client = std::unique_ptr<MYSQL, decltype(&mysql_close)>;
    client connect(std::uint16_t port, const std::string& database) {
        client db{mysql_init(nullptr), &mysql_close};
        const unsigned protocol = MYSQL_PROTOCOL_TCP;
        mysql_options(db.get(), MYSQL_OPT_PROTOCOL, &protocol);
        EXPECT_NE(
            mysql_real_connect(
                db.get(),
                "127.0.0.1",
                "root",
                "",
                database.c_str(),
                port,
                nullptr,
                GetParam()
            ),
            nullptr
        ) << mysql_error(db.get());
        return db;
    }
    client connect(const test_database& to) { return connect(to.port(), to.name()); }
    client connect(std::uint16_t port) { return connect(port, place.name()); }
    client connect() { return connect(place.port()); }

    std::string orders() { return sql.value("select group_concat(id order by id) from orders"); }
    std::int64_t messages() { return sql.number("select count(*) from outbox_message"); }
    void expect_kind(error_kind kind, const std::function<void()>& work) {
        try {
            work();
            ADD_FAILURE() << "it returned";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), kind) << e.what();
        }
    }

    migrated_database place;
    sql_session sql{place.url()};
    producer out;
};

INSTANTIATE_TEST_SUITE_P(
    statements,
    mysql_producer,
    testing::Values(0UL, static_cast<unsigned long>(CLIENT_MULTI_STATEMENTS)),
    [](const auto& p) { return p.param == 0 ? "single" : "many"; }
);

TEST_P(mysql_producer, commits_the_change_and_its_messages_together) {
    const client db = connect();
    const int result = out.transact(*db, [](mysql_transaction& tx, outgoing& to) {
        tx.execute("insert into orders values (1, 'paid')");
        to.send(paid(1));
        to.send(paid(2));
        return 7;
    });
    EXPECT_EQ(result, 7);
    EXPECT_EQ(orders(), "1");
    relay_store store{parse_url(place.url())};
    cursor at = store.acquire(0, "relay", 60s, "").granted.value().from;
    const auto all = read_all(store, at);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].content.payload, "{\"orderId\":1}");
    EXPECT_EQ(all[1].content.key, "2");
    EXPECT_EQ(out.transact(*db, [](mysql_transaction&, outgoing&) { return 1; }), 1);
}

TEST_P(mysql_producer, a_thrown_work_leaves_nothing) {
    const client db = connect();
    EXPECT_THROW(
        out.transact(
            *db,
            [](mysql_transaction& tx, outgoing& to) {
                tx.execute("insert into orders values (1, 'paid')");
                to.send(paid(1));
                throw std::runtime_error("no");
            }
        ),
        std::runtime_error
    );
    EXPECT_EQ(orders(), "");
    EXPECT_EQ(messages(), 0);
}

// A savepoint that the work rolls back does not take along what waits for COMMIT; the transaction's
// own is not harmed by it.
TEST_P(mysql_producer, savepoints_of_the_work_are_its_own) {
    const client db = connect();
    out.transact(*db, [](mysql_transaction& tx, outgoing& to) {
        tx.execute("insert into orders values (1, 'paid')");
        tx.execute("savepoint a");
        tx.execute("insert into orders values (2, 'paid')");
        tx.execute("rollback to savepoint a");
        to.send(paid(1));
    });
    EXPECT_EQ(orders(), "1");
    EXPECT_EQ(messages(), 1);
}

TEST_P(mysql_producer, a_deadlock_that_the_work_swallows_commits_nothing) {
    sql.execute("insert into orders values (1, ''), (2, '')");
    const client db = connect();
    const message_id later = out.transact(*db, [](mysql_transaction&, outgoing& to) {
        return to.send(
            {.to = order_paid,
             .body = {{"orderId", 9}},
             .deliver = deliver_after(std::chrono::hours{1})}
        );
    });
    sql_session rival{place.url()};
    expect_kind(error_kind::rejected, [&] {
        out.transact(*db, [&](mysql_transaction& tx, outgoing& to) {
            tx.execute("update orders set state = 'mine' where id = 1");
            // The rival has changed more, so that this one is the victim.
            rival.execute("start transaction; insert into orders values (3, ''), (4, ''), (5, '');"
                          " update orders set state = 'rival' where id = 2");
            std::thread waits{
                [&] { rival.execute("update orders set state = 'rival' where id = 1; commit"); }};
            try {
                tx.execute("update orders set state = 'mine' where id = 2");
                ADD_FAILURE() << "no deadlock";
            } catch (const error& e) {
                EXPECT_EQ(e.kind(), error_kind::conflict) << e.what();
            }
            waits.join();
            to.send(paid(1));
            tx.execute("update orders set state = 'mine' where id = 3");
            EXPECT_TRUE(to.cancel(later));
        });
    });
    EXPECT_EQ(sql.number("select count(*) from outbox_scheduled"), 1);
    EXPECT_EQ(
        sql.value("select group_concat(distinct state order by state) from orders"),
        ",rival"
    );
    EXPECT_EQ(messages(), 0);
    out.transact(*db, [](mysql_transaction&, outgoing& to) { to.send(paid(1)); });
    EXPECT_EQ(messages(), 1);
}

TEST_P(mysql_producer, a_statement_that_commits_by_itself_is_noticed) {
    const client db = connect();
    expect_kind(error_kind::rejected, [&] {
        out.transact(*db, [](mysql_transaction& tx, outgoing& to) {
            tx.execute("create table t (i int)");
            to.send(paid(1));
            tx.execute("insert into orders values (1, 'paid')"); // is in nobody's transaction
        });
    });
    EXPECT_EQ(messages(), 0);
    EXPECT_EQ(orders(), "");
    out.transact(*db, [](mysql_transaction&, outgoing& to) { to.send(paid(1)); });
    EXPECT_EQ(messages(), 1);
}

TEST_P(mysql_producer, a_message_that_cannot_be_written_takes_the_change_with_it) {
    const client db = connect();
    sql.execute(
        "alter table outbox_message add constraint no_thirteen check (payload not like '%13%')"
    );
    expect_kind(error_kind::rejected, [&] {
        out.transact(*db, [](mysql_transaction& tx, outgoing& to) {
            tx.execute("insert into orders values (1, 'paid')");
            to.send(paid(13));
        });
    });
    EXPECT_EQ(orders(), "");
    EXPECT_EQ(messages(), 0);
    out.transact(*db, [](mysql_transaction&, outgoing& to) { to.send(paid(1)); });
    EXPECT_EQ(messages(), 1);
}

TEST_P(mysql_producer, a_commit_without_an_answer_is_in_doubt) {
    turns_proxy proxy{place.port()};
    const client db = connect(proxy.port());
    expect_kind(error_kind::in_doubt, [&] {
        out.transact(*db, [&](mysql_transaction& tx, outgoing& to) {
            tx.execute("insert into orders values (1, 'paid')");
            to.send(paid(1));
            proxy.lose_the_answer_to("set autocommit = 1");
        });
    });
    // Where the answers of several statements are lost, it may not have come to the last of them.
    EXPECT_EQ(
        sql.value("select (select count(*) from orders) = (select count(*) from outbox_message)"),
        "1"
    );
    if (GetParam() == 0) {
        EXPECT_EQ(messages(), 1);
    }
}

TEST_P(mysql_producer, a_connection_that_is_cut_before_the_commit_leaves_nothing) {
    turns_proxy proxy{place.port()};
    const client db = connect(proxy.port());
    EXPECT_THROW(
        out.transact(
            *db,
            [&](mysql_transaction& tx, outgoing& to) {
                tx.execute("insert into orders values (1, 'paid')");
                to.send(paid(1));
                proxy.cut_before("release savepoint");
            }
        ),
        error
    );
    EXPECT_EQ(orders(), "");
    EXPECT_EQ(messages(), 0);
}

TEST_P(mysql_producer, messages_cost_no_trip_where_statements_can_be_joined) {
    turns_proxy proxy{place.port()};
    const client db = connect(proxy.port());
    const auto cost = [&](int count) {
        const int before = proxy.turns();
        out.transact(*db, [&](mysql_transaction& tx, outgoing& to) {
            tx.execute("update orders set state = 'paid'");
            for (int i = 0; i < count; ++i)
                to.send(paid(i));
        });
        return proxy.turns() - before;
    };
    cost(1); // asks for the doorbell
    const bool many = GetParam() != 0;
    EXPECT_EQ(cost(0), many ? 3 : 5);
    EXPECT_EQ(cost(1), many ? 3 : 6);
    EXPECT_EQ(cost(100), many ? 3 : 6);
}

TEST_P(mysql_producer, sends_in_a_transaction_of_the_users_own) {
    const client db = connect();
    mysql_query(db.get(), "start transaction");
    out.send(*db, paid(1));
    mysql_query(db.get(), "rollback");
    EXPECT_EQ(messages(), 0);
    mysql_query(db.get(), "start transaction");
    out.send(*db, paid(2));
    mysql_query(db.get(), "commit");
    EXPECT_EQ(messages(), 1);
}

TEST_P(mysql_producer, refuses_to_send_outside_of_a_transaction_and_to_nest) {
    const client db = connect();
    expect_kind(error_kind::not_in_transaction, [&] { out.send(*db, paid(1)); });
    mysql_query(db.get(), "start transaction");
    EXPECT_THROW(out.transact(*db, [](mysql_transaction&, outgoing&) {}), usage_error);
    EXPECT_EQ(messages(), 0);
}

TEST_P(mysql_producer, a_send_that_fails_poisons_the_users_transaction) {
    const client db = connect();
    sql.execute(
        "alter table outbox_message add constraint no_thirteen check (payload not like '%13%')"
    );
    mysql_query(db.get(), "start transaction");
    for (const char* mode : {"set autocommit = 1", "set autocommit = 0"}) {
        SCOPED_TRACE(mode);
        mysql_query(db.get(), mode);
        mysql_query(db.get(), "start transaction");
        mysql_query(db.get(), "insert into orders values (1, 'paid')");
        EXPECT_THROW(out.send(*db, paid(13)), error);
        mysql_query(db.get(), "insert into orders values (2, 'paid')");
        mysql_query(db.get(), "commit");
        EXPECT_EQ(orders(), "");
        EXPECT_EQ(messages(), 0);
        mysql_query(db.get(), "start transaction");
        out.send(*db, paid(1));
        mysql_query(db.get(), "rollback");
    }
}

// Who does not look at what a statement returns does not see that the server has ended it.
TEST_P(mysql_producer, a_deadlock_that_was_not_looked_at_lets_nothing_be_sent) {
    for (const make server : {make::mariadb, make::mysql}) {
        SCOPED_TRACE(server == make::mysql ? "mysql" : "mariadb");
        const migrated_database there{shared_server(server)};
        sql_session look{there.url()};
        look.execute("create table orders (id int primary key, state text)");
        look.execute("insert into orders values (1, ''), (2, ''), (9, '')");
        const client db = connect(there);
        const std::vector<bytes> keys{"key"};
        const consumed_batch batch{.group = "g", .keys = keys, .token = "12345678"};
        const message_id nobody = message_id_generator{}.next();
        const std::vector<std::function<void()>> attempts{
            [&] { out.send(*db, paid(1)); },
            [&] { out.cancel(*db, nobody); },
            [&] { out.replace(*db, nobody, paid(1)); }};
        const auto lose_a_deadlock = [&] {
            sql_session rival{there.url()};
            mysql_query(db.get(), "start transaction");
            mysql_query(db.get(), "update orders set state = 'mine' where id = 1");
            rival.execute("start transaction; insert into orders values (3, ''), (4, ''), (5, '');"
                          " update orders set state = 'rival' where id = 2");
            std::thread waits{
                [&] { rival.execute("update orders set state = 'rival' where id = 1; rollback"); }};
            EXPECT_NE(mysql_query(db.get(), "update orders set state = 'mine' where id = 2"), 0);
            waits.join();
        };
        for (const auto& attempt : attempts) {
            lose_a_deadlock();
            expect_kind(error_kind::not_in_transaction, attempt);
            EXPECT_NE(mysql_query(db.get(), "update orders set state = 'alone' where id = 9"), 0);
            mysql_query(db.get(), "commit");
        }
        lose_a_deadlock();
        expect_kind(error_kind::not_in_transaction, [&] {
            mysql_session{*db}.note_consumed(batch);
        });
        mysql_query(db.get(), "commit");
        EXPECT_EQ(look.number("select count(*) from outbox_message"), 0);
        EXPECT_EQ(look.number("select count(*) from outbox_consumed"), 0);
        EXPECT_EQ(look.number("select count(*) from orders where state <> ''"), 0);
        mysql_query(db.get(), "start transaction");
        out.send(*db, paid(1));
        mysql_query(db.get(), "commit");
        EXPECT_EQ(look.number("select count(*) from outbox_message"), 1);
    }
}

// At SERIALIZABLE what a transaction reads is locked until its end.
TEST_P(mysql_producer, a_transaction_of_the_users_own_locks_nothing_of_the_relay) {
    const client db = connect();
    sql.execute("set innodb_lock_wait_timeout = 1");
    mysql_query(db.get(), "set session transaction isolation level serializable");
    mysql_query(db.get(), "start transaction");
    out.send(*db, paid(1));
    EXPECT_NO_THROW(sql.execute("update outbox_relay set doorbell = 'udp:127.0.0.1:9'"));
    EXPECT_EQ(mysql_session{*db}.doorbell(), "") << "asked within the transaction";
    mysql_query(db.get(), "commit");
    EXPECT_EQ(mysql_session{*db}.doorbell(), "udp:127.0.0.1:9");
}

// The transaction's view of the table is older than the delivery.
TEST_P(mysql_producer, what_has_been_delivered_meanwhile_cannot_be_replaced) {
    const client db = connect();
    const message_id later = out.transact(*db, [](mysql_transaction&, outgoing& to) {
        return to.send(
            {.to = order_paid,
             .body = {{"orderId", 1}},
             .deliver = deliver_after(std::chrono::hours{1})}
        );
    });
    out.transact(*db, [&](mysql_transaction& tx, outgoing& to) {
        mysql_query(tx.handle(), "select * from orders");
        mysql_free_result(mysql_store_result(tx.handle()));
        sql.execute("delete from outbox_scheduled");
        EXPECT_FALSE(to.replace(later, paid(2)));
        EXPECT_FALSE(to.cancel(later));
    });
}

TEST_P(mysql_producer, an_unread_result_is_a_mistake_of_the_caller) {
    const client db = connect();
    EXPECT_THROW(
        out.transact(
            *db,
            [](mysql_transaction& tx, outgoing& to) {
                tx.execute("insert into orders values (1, 'paid')");
                mysql_query(tx.handle(), "select 1");
                to.send(paid(1));
            }
        ),
        usage_error
    );
    mysql_query(db.get(), "commit"); // is not sent, either
    EXPECT_EQ(orders(), "");
}

// Until it is read or freed nothing else can be said on the connection, not even "rollback"; and
// afterwards the user could say "commit".
TEST_P(mysql_producer, a_result_that_is_not_read_to_its_end_lets_nothing_be_committed) {
    sql.execute("insert into orders values (1, 'new'), (2, 'new'), (3, 'new')");
    const auto fetch_one = [](MYSQL* db) {
        EXPECT_EQ(mysql_query(db, "select * from orders"), 0);
        MYSQL_RES* rows = mysql_use_result(db);
        EXPECT_NE(mysql_fetch_row(rows), nullptr);
        return rows;
    };
    const auto prepare_and_fetch_one = [](MYSQL* db) {
        MYSQL_STMT* statement = mysql_stmt_init(db);
        const std::string ask = "select * from orders";
        EXPECT_EQ(mysql_stmt_prepare(statement, ask.data(), ask.size()), 0);
        EXPECT_EQ(mysql_stmt_execute(statement), 0);
        EXPECT_EQ(mysql_stmt_fetch(statement), 0);
        return statement;
    };
    const auto expect_nothing_committed = [&](MYSQL* db) {
        EXPECT_NE(mysql_query(db, "commit"), 0);
        EXPECT_EQ(sql.number("select count(*) from orders where state = 'new'"), 3);
        EXPECT_EQ(messages(), 0);
    };
    const char* pay = "update orders set state = 'paid' where id = 1";
    {
        const client db = connect();
        mysql_query(db.get(), "start transaction");
        mysql_query(db.get(), pay);
        MYSQL_RES* rows = fetch_one(db.get());
        EXPECT_THROW(out.send(*db, paid(1)), usage_error);
        mysql_free_result(rows);
        expect_nothing_committed(db.get());
    }
    {
        const client db = connect();
        mysql_query(db.get(), "start transaction");
        mysql_query(db.get(), pay);
        MYSQL_STMT* statement = prepare_and_fetch_one(db.get());
        EXPECT_THROW(out.send(*db, paid(1)), usage_error);
        mysql_stmt_close(statement);
        expect_nothing_committed(db.get());
    }
    const client db = connect();
    MYSQL_RES* rows = nullptr;
    EXPECT_THROW(
        out.transact(
            *db,
            [&](mysql_transaction& tx, outgoing& to) {
                tx.execute(pay);
                to.send(paid(1));
                rows = fetch_one(tx.handle());
            }
        ),
        usage_error
    );
    mysql_free_result(rows);
    expect_nothing_committed(db.get());
}

// Then there is nothing that could be committed without its message.
TEST_P(mysql_producer, a_result_that_is_unread_before_the_transaction_costs_no_connection) {
    const client db = connect();
    mysql_query(db.get(), "select 1 union select 2");
    MYSQL_RES* rows = mysql_use_result(db.get());
    EXPECT_ANY_THROW(out.transact(*db, [](mysql_transaction&, outgoing& to) { to.send(paid(1)); }));
    EXPECT_ANY_THROW(out.send(*db, paid(1)));
    mysql_free_result(rows);
    out.transact(*db, [](mysql_transaction&, outgoing& to) { to.send(paid(1)); });
    EXPECT_EQ(messages(), 1);
}

} // namespace
} // namespace outbox::mysql
