// What only SOCI, or a server behind it, can do to a transaction.

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"
#include "tests/store/doors/raw_database.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace outbox::doors {
namespace {

using namespace std::chrono_literals;

// Nothing could be bound to these.
static_assert(!joinable<soci::session>);
static_assert(!joinable<soci::transaction>);
static_assert(!connectable<soci::transaction>);
static_assert(joinable<soci_transaction>);

constexpr const char* pay_1 = "update orders set state = 'paid' where id = 1";

message say(const std::string& text) {
    return {.to = subject::parse("orders.paid"), .body = body::raw(text)};
}

std::unique_ptr<soci::session>
open_postgresql(const postgres_database& place, const std::string& more = "") {
    auto db = std::make_unique<soci::session>(
        "postgresql",
        "host=127.0.0.1 user=postgres port=" + std::to_string(postgres_database::server().port()) +
            " dbname=" + place.name() + more
    );
    forget_note(db->get_backend(), {});
    return db;
}

TEST(soci_promises, a_serialization_failure_at_commit_leaves_nothing) {
    const postgres_database place;
    auto db = open_postgresql(place);
    producer sender;
    try {
        sender.transact(*db, [&](soci_transaction& tx, outgoing& out) {
            tx.execute("set transaction isolation level serializable");
            tx.execute("select sum(length(state)) from orders");
            tx.execute(pay_1);
            place.run("begin isolation level serializable;"
                      "select sum(length(state)) from orders;"
                      "update orders set state = 'rival' where id = 2; commit");
            out.send(say("never"));
        });
        FAIL() << "committed";
    } catch (const soci::soci_error& e) {
        EXPECT_NE(std::string{e.what()}.find("could not serialize"), std::string::npos) << e.what();
    }
    EXPECT_EQ(place.state(1), "new");
    EXPECT_TRUE(place.payloads().empty());
}

TEST(soci_promises, a_deadlock_victim_that_goes_on_commits_nothing) {
    const postgres_database place;
    auto db = open_postgresql(place);
    auto rival = open_postgresql(place);
    producer sender;
    std::thread other;
    EXPECT_ANY_THROW(sender.transact(*db, [&](soci_transaction& tx, outgoing& out) {
        // The one that waits longer finds the deadlock, and dies of it.
        tx.execute("set local deadlock_timeout = '10ms'");
        tx.execute(pay_1);
        out.send(say("never"));
        rival->begin();
        *rival << "set local deadlock_timeout = '60s'";
        *rival << "update orders set state = 'rival' where id = 2";
        other = std::thread{[&] {
            *rival << "update orders set state = 'rival' where id = 1";
            rival->commit();
        }};
        harness::wait_until(
            [&] { return place.run("select count(*) from pg_locks where not granted") != "0\n"; },
            10s,
            "the rival to wait for the lock"
        );
        EXPECT_THROW(tx.execute("update orders set state = 'paid' where id = 2"), soci::soci_error);
    }));
    other.join();
    EXPECT_EQ(place.state(1), "rival");
    EXPECT_TRUE(place.payloads().empty());
}

TEST(soci_promises, a_session_with_singlerow_fails_loudly_and_sends_nothing) {
    const postgres_database place;
    auto db = open_postgresql(place, " singlerow=true");
    producer sender;
    EXPECT_ANY_THROW(sender.transact(*db, [&](soci_transaction&, outgoing& out) {
        out.send(say("never"));
    }));
    EXPECT_TRUE(place.payloads().empty());
}

TEST(soci_promises, a_driver_that_connects_again_commits_no_message) {
    const mariadb_database place;
    soci::session db{
        "mysql",
        "host=127.0.0.1 user=root reconnect=1 port=" +
            std::to_string(mariadb_database::server().port()) + " dbname=" + place.name()};
    forget_note(db.get_backend(), {});
    producer sender;
    EXPECT_ANY_THROW(sender.transact(db, [&](soci_transaction& tx, outgoing& out) {
        place.kill_sessions();
        tx.execute(pay_1);
        out.send(say("never"));
    }));
    soci_transaction tx{db};
    place.kill_sessions();
    EXPECT_ANY_THROW({
        tx.execute(pay_1);
        sender.send(tx, say("never"));
    });
    EXPECT_ANY_THROW(tx.commit());
    EXPECT_TRUE(place.payloads().empty());
}

TEST(soci_promises, a_driver_that_connects_again_changes_nothing_that_is_scheduled) {
    const mariadb_database place;
    soci::session db{
        "mysql",
        "host=127.0.0.1 user=root reconnect=1 port=" +
            std::to_string(mariadb_database::server().port()) + " dbname=" + place.name()};
    for (const char* version : {"10.11.19-MariaDB", "8.0.31"}) {
        remember_note(
            db.get_backend(),
            {},
            {.doorbell = {}, .server_version = version, .asked_at = system_clock().ticks()}
        );
        producer sender;
        message later = say("later");
        later.deliver = deliver_after(1h);
        message_id id;
        sender.transact(db, [&](soci_transaction&, outgoing& out) { id = out.send(later); });
        for (const bool cancelling : {true, false}) {
            EXPECT_ANY_THROW(sender.transact(db, [&](soci_transaction&, outgoing& out) {
                place.kill_sessions();
                cancelling ? out.cancel(id) : out.replace(id, say("never"));
            }));
            EXPECT_EQ(place.run("select payload from outbox_scheduled"), "later\n");
            db << "do 0"; // connects again
        }
        place.run("delete from outbox_scheduled");
    }
}

TEST(soci_promises, a_sqlite_that_has_rolled_back_by_itself_takes_no_message) {
    const sqlite_database place;
    soci::session db{"sqlite3", "dbname=" + place.path()};
    producer sender;
    soci_transaction tx{db};
    tx.execute(pay_1);
    db << "rollback"; // as SQLite does when the disk is full
    EXPECT_THROW(sender.send(tx, say("never")), error);
    EXPECT_ANY_THROW(tx.commit());
    EXPECT_TRUE(place.payloads().empty());
}

TEST(soci_promises, a_database_without_the_outbox_says_what_to_do) {
    const sqlite_database place;
    place.run("drop table outbox_relay");
    soci::session db{"sqlite3", "dbname=" + place.path()};
    forget_note(db.get_backend(), {});
    try {
        soci_transaction tx{db};
        FAIL() << "begun";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint().find("migrate up"), std::string::npos);
    }
}

// ---- a backend that we have no words for

class odd_session final : public soci::details::session_backend {
public:
    bool is_connected() override { return true; }
    void begin() override {}
    void commit() override {}
    void rollback() override {}
    std::string get_dummy_from_table() const override { return {}; }
    std::string get_backend_name() const override { return "firebird"; }
    soci::details::statement_backend* make_statement_backend() override { return nullptr; }
    soci::details::rowid_backend* make_rowid_backend() override { return nullptr; }
    soci::details::blob_backend* make_blob_backend() override { return nullptr; }
};

class odd_factory final : public soci::backend_factory {
public:
    odd_session* make_session(const soci::connection_parameters&) const override {
        return new odd_session;
    }
};

TEST(soci_promises, another_backend_is_refused_by_name) {
    const odd_factory factory;
    soci::session db{factory, ""};
    forget_note(db.get_backend(), {});
    producer sender;
    try {
        sender.transact(db, [](auto&, outgoing&) {});
        FAIL() << "begun";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::invalid_argument);
        EXPECT_NE(std::string{e.what()}.find("firebird"), std::string::npos);
    }
}

} // namespace
} // namespace outbox::doors
