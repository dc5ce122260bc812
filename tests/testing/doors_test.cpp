// expect_sent() in a transaction of every door, opened by us and by the user, on real servers.

#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"
#include "outbox/store/mysql/database.hpp"
#include "outbox/store/mysql/mysql.hpp"
#include "outbox/store/postgresql/database.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "outbox/store/soci/soci.hpp"
#include "outbox/testing/testing.hpp"
#include "tests/store/doors/connector_cpp_own.hpp"
#include "tests/store/doors/sqlite_own.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include <gtest/gtest.h>
#include <mysql.h>

namespace my {

class unit_of_work {
public:
    explicit unit_of_work(sqlite3& db) : tx_(db) {}
    sqlite3& connection() { return tx_.handle(); }

private:
    outbox::doors::sqlite_own tx_;
};

} // namespace my

template <>
struct outbox::adapter<my::unit_of_work> {
    struct session : outbox::sqlite_session {
        explicit session(my::unit_of_work& work) : sqlite_session(work.connection()) {}
    };
};

template <>
struct outbox::testing::stands_on<my::unit_of_work> {
    static auto& get(my::unit_of_work& work) { return work.connection(); }
};

namespace outbox::testing {
namespace {

const subject order_paid{"orders.paid"};
const subject order_shipped{"orders.shipped"};
const subject reminder{"orders.reminder"};

producer& sender() {
    static producer one;
    return one;
}

// Bytes that a door, a server or SQL would spoil first.
message awkward() {
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    return {
        .to = order_paid,
        .body = body::raw(all, "application/x-all"),
        .key = order_key{std::string{"\0:a'?", 5}},
        .tags = {tag{"eu"}},
        .properties = {{"naïve", std::string{"\0\xff", 2}}}};
}

// What is sent in one transaction, looked at from within: `send` sends a message in it.
template <class Tx, class Send>
void expect_to_see(Tx& tx, Send send) {
    expect_nothing_sent(tx);
    const message_id id = send(awkward());
    send(message{.to = order_shipped});
    const sent_message found = expect_sent(tx, order_paid, with_body(awkward().body));
    EXPECT_EQ(found.id, id);
    EXPECT_EQ(found.key, awkward().key->bytes());
    EXPECT_EQ(found.tags, std::vector<std::string>{"eu"});
    EXPECT_EQ(found.properties, awkward().properties);
    EXPECT_EQ(found.content_type, "application/x-all");
    const sent_message empty = expect_sent(tx, order_shipped);
    EXPECT_EQ(empty.key, std::nullopt);
    EXPECT_EQ(empty.payload, "");
    EXPECT_EQ(empty.deliver, std::nullopt);
    EXPECT_EQ(sent_in(tx).size(), 2U);
    EXPECT_EQ(sent_in(tx).front().subject, "orders.paid") << "in the order of sending";
    EXPECT_THROW(expect_sent(tx, order_shipped, with_key(order_key{1})), expectation_failed);
}

template <class Db>
void expect_to_see_in_transact(Db& db) {
    sender().transact(db, [](auto& tx, outgoing& out) {
        expect_to_see(tx, [&](const message& m) { return out.send(m); });
    });
}

// The transaction must not commit: what waits for an hour is in nobody's way.
template <class Tx>
void expect_to_see_scheduled(Tx& tx) {
    const time_point now = system_clock().now();
    sender().send(
        tx,
        {.to = reminder, .key = order_key{7}, .deliver = deliver_after(std::chrono::hours{1})}
    );
    const sent_message found = expect_sent(tx, reminder, with_key(order_key{7}));
    ASSERT_TRUE(found.deliver);
    ASSERT_EQ(found.deliver->delay(), nullptr);
    EXPECT_GT(time_point{} + found.deliver->since_epoch(), now + std::chrono::minutes{50});
    EXPECT_LT(time_point{} + found.deliver->since_epoch(), now + std::chrono::minutes{70});
}

template <class Tx>
void expect_to_see_in_own(Tx& tx) {
    expect_to_see(tx, [&](const message& m) { return sender().send(tx, m); });
}

void expect_two_drained(database& from) {
    recording seen;
    recording_target to{seen};
    EXPECT_EQ(drain(from, to).delivered, 2U);
    EXPECT_EQ(expect_delivered(seen, order_paid).payload, awkward().body.payload());
    EXPECT_EQ(drain(from, to).delivered, 0U);
}

class on_sqlite : public sqlite_fixture {};

TEST_F(on_sqlite, its_own_api) {
    expect_to_see_in_transact(*db);
    expect_two_drained(*source);
    {
        doors::sqlite_own tx{*db};
        expect_to_see_in_own(tx.handle());
        tx.commit();
    }
    expect_two_drained(*source);
}

TEST_F(on_sqlite, a_unit_of_work_of_the_users_own) {
    my::unit_of_work work{*db};
    expect_to_see_in_own(work);
    expect_to_see_scheduled(work);
}

TEST_F(on_sqlite, soci) {
    soci::session session{"sqlite3", "db=" + path};
    expect_to_see_in_transact(session);
    expect_two_drained(*source);
    soci_transaction tx{session};
    expect_to_see_in_own(tx);
    expect_to_see_scheduled(tx);
}

// The stated difference: a row does not say who wrote it.
TEST_F(on_sqlite, what_was_committed_before_and_not_delivered_is_seen_until_it_is_drained) {
    sender().transact(*db, [](auto&, outgoing& out) { out.send({.to = order_paid}); });
    {
        doors::sqlite_own tx{*db};
        EXPECT_NO_THROW(expect_sent(tx.handle(), order_paid));
    }
    recording seen;
    recording_target to{seen};
    drain(*source, to);
    doors::sqlite_own tx{*db};
    expect_nothing_sent(tx.handle());
}

class on_postgresql : public ::testing::Test {
protected:
    static harness::postgres_server& server() {
        static harness::postgres_server one{{.settings = {"fsync=off"}}};
        return one;
    }
    static void SetUpTestSuite() {
        postgresql::open_database(server().url())->open_migrator()->up();
    }

    std::unique_ptr<database> source = postgresql::open_database(server().url());
};

TEST_F(on_postgresql, libpqxx) {
    pqxx::connection db{server().url()};
    expect_to_see_in_transact(db);
    {
        pqxx::work tx{db};
        expect_to_see_in_own(tx); // undelivered rows of others are there, and are not seen
    }
    expect_two_drained(*source);
    pqxx::work tx{db};
    {
        pqxx::subtransaction inner{tx, "inner"};
        expect_to_see_in_own(inner);
        inner.commit();
    }
    expect_sent(tx, order_paid);
    expect_to_see_scheduled(tx);
}

TEST_F(on_postgresql, soci) {
    soci::session session{
        "postgresql",
        "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(server().port())};
    expect_to_see_in_transact(session);
    expect_two_drained(*source);
    soci_transaction tx{session};
    expect_to_see_in_own(tx);
    expect_to_see_scheduled(tx);
}

class on_mariadb : public ::testing::Test {
protected:
    static harness::mariadb_server& server() {
        static harness::mariadb_server one;
        return one;
    }
    static void SetUpTestSuite() { mysql::open_database(server().url())->open_migrator()->up(); }

    std::unique_ptr<database> source = mysql::open_database(server().url());
};

TEST_F(on_mariadb, connector_cpp) {
    const auto db = doors::open_mysql(server().port(), "test");
    expect_to_see_in_transact(*db);
    expect_two_drained(*source);
    {
        doors::connector_cpp_own tx{*db};
        expect_to_see_in_own(tx.handle());
        tx.commit();
    }
    expect_two_drained(*source);
    connector_cpp_transaction tx{*db};
    expect_to_see_in_own(tx);
    expect_to_see_scheduled(tx);
}

TEST_F(on_mariadb, libmariadb) {
    const std::unique_ptr<MYSQL, decltype(&mysql_close)> db{mysql_init(nullptr), &mysql_close};
    ASSERT_NE(
        mysql_real_connect(db.get(), "127.0.0.1", "root", "", "test", server().port(), nullptr, 0),
        nullptr
    ) << mysql_error(db.get());
    expect_to_see_in_transact(*db);
    expect_two_drained(*source);
    ASSERT_EQ(mysql_query(db.get(), "start transaction"), 0);
    expect_to_see_in_own(*db);
    expect_to_see_scheduled(*db);
}

TEST_F(on_mariadb, soci) {
    soci::session session{
        "mysql",
        "host=127.0.0.1 user=root dbname=test port=" + std::to_string(server().port())};
    expect_to_see_in_transact(session);
    expect_two_drained(*source);
    soci_transaction tx{session};
    expect_to_see_in_own(tx);
    expect_to_see_scheduled(tx);
}

} // namespace
} // namespace outbox::testing
