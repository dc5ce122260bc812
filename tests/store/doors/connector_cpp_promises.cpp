// What MariaDB and Connector/C++ can do to a transaction behind the user's back.

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"
#include "tests/store/doors/connector_cpp_own.hpp"
#include "tests/store/doors/raw_database.hpp"
#include "tests/support/turns_proxy.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace outbox::doors {
namespace {

using namespace std::chrono_literals;

/// The parameter: what the server says of its version, so that each way of speaking is tried.
class connector_cpp_promises : public testing::TestWithParam<const char*> {
protected:
    std::unique_ptr<sql::Connection> connect(bool reconnect = false) {
        auto db = open_mysql(mariadb_database::server().port(), place.name(), reconnect);
        remember_note(
            db.get(),
            {},
            {.doorbell = {}, .server_version = GetParam(), .asked_at = system_clock().ticks()}
        );
        return db;
    }
    static message say(const std::string& text) {
        return {.to = subject::parse("orders.paid"), .body = body::raw(text)};
    }
    static std::string autocommit_of(sql::Connection& db) {
        const std::unique_ptr<sql::Statement> ask{db.createStatement()};
        const std::unique_ptr<sql::ResultSet> rows{ask->executeQuery("select @@autocommit")};
        rows->next();
        return rows->getString(1).asStdString();
    }
    /// Blocks every insert of a message as long as it lives.
    class locked_table {
    public:
        explicit locked_table(std::unique_ptr<sql::Connection> db) : db_(std::move(db)) {
            run_mysql(*db_, "lock tables outbox_message write");
        }

    private:
        std::unique_ptr<sql::Connection> db_;
    };

    mariadb_database place;
    producer sender;
};

constexpr const char* pay_1 = "update orders set state = 'paid' where id = 1";
constexpr const char* pay_2 = "update orders set state = 'paid' where id = 2";

TEST_P(connector_cpp_promises, a_deadlock_victim_that_goes_on_commits_nothing) {
    auto db = connect();
    auto rival = connect();
    std::thread other;
    EXPECT_ANY_THROW(sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute(pay_1);
        out.send(say("of what is rolled back"));
        rival->setAutoCommit(false);
        // More changes than the other has: InnoDB lets the one with fewer die.
        run_mysql(*rival, "update orders set state = 'rival' where id >= 2");
        other = std::thread{[&] {
            run_mysql(*rival, "update orders set state = 'rival' where id = 1");
            run_mysql(*rival, "commit");
        }};
        harness::wait_until(
            [&] {
                return place.run("select count(*) from information_schema.innodb_trx where "
                                 "trx_state = 'LOCK WAIT'") != "0\n";
            },
            10s,
            "the rival to wait for the lock"
        );
        try {
            tx.execute(pay_2);
            ADD_FAILURE() << "no deadlock";
        } catch (const sql::SQLException& e) {
            EXPECT_EQ(e.getErrorCode(), 1213);
        }
        other.join();
        tx.execute("update orders set state = 'half' where id = 4");
        out.send(say("half"));
    }));
    EXPECT_EQ(place.state(1), "rival");
    EXPECT_EQ(place.state(4), "rival");
    EXPECT_TRUE(place.payloads().empty());
    EXPECT_EQ(autocommit_of(*db), "1");
}

TEST_P(connector_cpp_promises, a_lock_wait_timeout_of_the_message_takes_the_change_along) {
    auto db = connect();
    run_mysql(*db, "set lock_wait_timeout = 1");
    {
        const locked_table locked{connect()};
        EXPECT_THROW(
            sender.transact(
                *db,
                [&](auto& tx, outgoing& out) {
                    tx.execute(pay_1);
                    out.send(say("never"));
                }
            ),
            sql::SQLException
        );
        db->setAutoCommit(false);
        run_mysql(*db, pay_1);
        try {
            sender.send(*db, say("never"));
            ADD_FAILURE() << "sent";
        } catch (const sql::SQLException& e) {
            EXPECT_EQ(e.getErrorCode(), 1205);
        }
        EXPECT_THROW(run_mysql(*db, pay_2), sql::SQLException) << "the user goes on";
        run_mysql(*db, "commit");
    }
    EXPECT_EQ(place.state(1), "new");
    EXPECT_EQ(place.state(2), "new");
    EXPECT_TRUE(place.payloads().empty());
    run_mysql(*db, pay_2);
    sender.send(*db, say("the next transaction is like any other"));
    run_mysql(*db, "commit");
    EXPECT_EQ(place.state(2), "paid");
    EXPECT_EQ(place.payloads().size(), 1U);
}

// It puts the new session into autocommit mode, without a word. Within a transaction that has done
// something libmariadb does not connect again.
TEST_P(connector_cpp_promises, a_driver_that_connects_again_commits_no_message) {
    {
        auto db = connect(true);
        EXPECT_ANY_THROW(sender.transact(*db, [&](auto& tx, outgoing& out) {
            place.kill_sessions();
            tx.execute(pay_1);
            out.send(say("never"));
        }));
        run_mysql(*db, "do 0");
        EXPECT_EQ(autocommit_of(*db), "1");
    }
    auto db = connect(true);
    db->setAutoCommit(false);
    place.kill_sessions();
    run_mysql(*db, pay_2);
    ASSERT_EQ(place.state(2), "paid") << "the driver did not connect again";
    ASSERT_FALSE(db->getAutoCommit()) << "the driver has noticed";
    try {
        sender.send(*db, say("never"));
        ADD_FAILURE() << "sent";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::not_in_transaction);
    }
    EXPECT_TRUE(place.payloads().empty());
}

TEST_P(connector_cpp_promises, a_driver_that_connects_again_changes_nothing_that_is_scheduled) {
    const message later{
        .to = subject::parse("later"),
        .body = body::raw("later"),
        .deliver = deliver_after(1h)};
    const auto scheduled = [&] { return place.run("select subject from outbox_scheduled"); };
    message_id id;
    sender.transact(*connect(), [&](auto&, outgoing& out) { id = out.send(later); });
    const std::vector<std::function<void(outgoing&)>> changes{
        [&](outgoing& out) { out.cancel(id); },
        [&](outgoing& out) { out.replace(id, say("never")); },
        [&](outgoing& out) { out.cancel(message_id{}); }};
    const auto expect_refused = [&](const std::function<void()>& work) {
        try {
            work();
            ADD_FAILURE() << "changed";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::not_in_transaction) << e.what();
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
        EXPECT_EQ(scheduled(), "later\n");
    };
    for (const auto& change : changes) {
        auto db = connect(true);
        expect_refused([&] {
            sender.transact(*db, [&](auto&, outgoing& out) {
                place.kill_sessions();
                change(out);
            });
        });
        auto joined = connect(true);
        joined->setAutoCommit(false);
        place.kill_sessions();
        run_mysql(*joined, pay_2);
        ASSERT_EQ(place.state(2), "paid") << "the driver did not connect again";
        expect_refused([&] {
            outgoing out = sender.join(*joined);
            change(out);
        });
    }
}

// What the new session says of a rollback proves nothing.
TEST_P(connector_cpp_promises, a_lost_answer_is_in_doubt_also_when_the_driver_connects_again) {
    turns_proxy proxy{mariadb_database::server().port()};
    auto db = open_mysql(proxy.port(), place.name(), true);
    remember_note(
        db.get(),
        {},
        {.doorbell = {}, .server_version = GetParam(), .asked_at = system_clock().ticks()}
    );
    try {
        sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(pay_1);
            out.send(say("1"));
            proxy.lose_the_answer_to("set autocommit = 1");
        });
        FAIL() << "nobody heard that it committed";
    } catch (const error& e) {
        EXPECT_TRUE(e.in_doubt()) << e.what();
    }
    EXPECT_EQ(place.state(1), "paid");
    EXPECT_EQ(place.payloads(), std::vector<std::string>{"1"});
}

TEST_P(connector_cpp_promises, a_statement_that_commits_implicitly_is_told) {
    auto db = connect();
    EXPECT_ANY_THROW(sender.transact(*db, [&](auto& tx, outgoing& out) {
        tx.execute("create table extra_1 (id integer)");
        tx.execute(pay_1);
        out.send(say("never"));
    }));
    EXPECT_EQ(place.state(1), "new") << "what came after it is rolled back";
    EXPECT_TRUE(place.payloads().empty());

    db->setAutoCommit(false);
    run_mysql(*db, pay_2);
    sender.send(*db, say("committed with its change"));
    run_mysql(*db, "create table extra_2 (id integer)");
    sender.send(*db, say("never"));
    run_mysql(*db, "rollback");
    EXPECT_EQ(place.state(2), "paid");
    EXPECT_EQ(place.payloads(), std::vector<std::string>{"committed with its change"});
}

TEST_P(connector_cpp_promises, what_the_server_finds_too_large_takes_the_change_along) {
    const std::string before = place.run("select @@global.max_allowed_packet");
    place.run("set global max_allowed_packet = 1048576");
    {
        auto db = connect();
        EXPECT_ANY_THROW(sender.transact(*db, [&](auto& tx, outgoing& out) {
            tx.execute(pay_1);
            out.send(say(std::string(900'000, 'x')));
        }));
        auto another = connect();
        another->setAutoCommit(false);
        run_mysql(*another, pay_1);
        EXPECT_ANY_THROW(sender.send(*another, say(std::string(900'000, 'x'))));
    }
    place.run("set global max_allowed_packet = " + before);
    EXPECT_EQ(place.state(1), "new");
    EXPECT_TRUE(place.payloads().empty());
}

TEST_P(connector_cpp_promises, many_bytes_are_split_before_the_server_minds) {
    auto db = connect();
    sender.transact(*db, [&](auto&, outgoing& out) {
        for (int i = 0; i < 12; ++i)
            out.send(say(std::string(900'000, static_cast<char>('a' + i))));
    });
    const auto sent = place.payloads();
    ASSERT_EQ(sent.size(), 12U);
    for (std::size_t i = 0; i < sent.size(); ++i)
        EXPECT_EQ(sent[i].front(), static_cast<char>('a' + i));
}

TEST_P(connector_cpp_promises, autocommit_is_afterwards_as_it_was) {
    auto db = connect();
    for (const bool mode : {true, false}) {
        db->setAutoCommit(mode);
        const std::string expected = mode ? "1" : "0";
        sender.transact(*db, [&](auto&, outgoing& out) { out.send(say("1")); });
        EXPECT_EQ(autocommit_of(*db), expected);
        EXPECT_ANY_THROW(sender.transact(*db, [&](auto&, outgoing&) { throw 1; }));
        EXPECT_EQ(autocommit_of(*db), expected);
    }
    EXPECT_EQ(place.payloads().size(), 2U);
}

TEST_P(connector_cpp_promises, a_transaction_begun_by_text_is_seen) {
    auto db = connect();
    run_mysql(*db, "start transaction");
    run_mysql(*db, pay_1);
    EXPECT_THROW(
        sender.transact(*db, [&](auto&, outgoing& out) { out.send(say("never")); }),
        usage_error
    );
    EXPECT_THROW(sender.send(*db, say("never")), error);
    run_mysql(*db, "rollback");
    EXPECT_EQ(place.state(1), "new");
    EXPECT_TRUE(place.payloads().empty());
}

// Nothing can be said on the connection until the user's result is gone, not even "rollback".
TEST_P(connector_cpp_promises, a_result_that_is_not_read_to_its_end_lets_nothing_be_committed) {
    auto db = connect();
    connector_cpp_transaction tx{*db};
    tx.execute(pay_1);
    {
        const std::unique_ptr<sql::Statement> ask{db->createStatement()};
        ask->setResultSetType(sql::ResultSet::TYPE_FORWARD_ONLY);
        const std::unique_ptr<sql::ResultSet> rows{ask->executeQuery("select * from orders")};
        ASSERT_TRUE(rows->next());
        EXPECT_THROW(sender.send(tx, say("never")), usage_error);
        EXPECT_THROW(tx.commit(), usage_error) << "not in doubt: the server was not asked";
    }
    EXPECT_THROW(tx.commit(), error);
    run_mysql(*db, "commit");
    EXPECT_EQ(place.state(1), "new");
    EXPECT_EQ(autocommit_of(*db), "1");

    std::unique_ptr<sql::Statement> ask;
    std::unique_ptr<sql::ResultSet> rows;
    EXPECT_THROW(
        sender.transact(
            *db,
            [&](auto& mine, outgoing& out) {
                mine.execute(pay_1);
                out.send(say("never"));
                ask.reset(db->createStatement());
                ask->setResultSetType(sql::ResultSet::TYPE_FORWARD_ONLY);
                rows.reset(ask->executeQuery("select * from orders"));
            }
        ),
        usage_error
    );
    rows.reset();
    EXPECT_ANY_THROW(run_mysql(*db, "commit"));
    EXPECT_EQ(place.state(1), "new");
    EXPECT_TRUE(place.payloads().empty());
}

TEST_P(connector_cpp_promises, such_a_result_beside_a_joined_connection_costs_the_connection) {
    auto db = connect();
    db->setAutoCommit(false);
    run_mysql(*db, pay_1);
    {
        const std::unique_ptr<sql::Statement> ask{db->createStatement()};
        ask->setResultSetType(sql::ResultSet::TYPE_FORWARD_ONLY);
        const std::unique_ptr<sql::ResultSet> rows{ask->executeQuery("select * from orders")};
        ASSERT_TRUE(rows->next());
        EXPECT_THROW(sender.send(*db, say("never")), usage_error);
    }
    EXPECT_ANY_THROW(run_mysql(*db, "commit"));
    EXPECT_EQ(place.state(1), "new");
    EXPECT_TRUE(place.payloads().empty());
}

TEST_P(connector_cpp_promises, a_database_without_the_outbox_says_what_to_do) {
    place.run("drop table outbox_relay");
    auto db = connect();
    forget_note(db.get(), {});
    try {
        sender.transact(*db, [&](auto&, outgoing& out) { out.send(say("never")); });
        FAIL() << "sent";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint().find("migrate up"), std::string::npos);
    }
}

INSTANTIATE_TEST_SUITE_P(
    speaking_to,
    connector_cpp_promises,
    testing::Values("10.11.19-MariaDB", "8.0.31"),
    [](const auto& server) {
        return std::string{server.param}.find("MariaDB") != std::string::npos ? "mariadb" : "mysql";
    }
);

} // namespace
} // namespace outbox::doors
