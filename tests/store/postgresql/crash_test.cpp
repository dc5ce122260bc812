// Servers of their own, which crash, stand by and get stuck.

#include "tests/store/numbered_exam.hpp"
#include "tests/store/postgresql/postgres.hpp"
#include "tests/store/relay_store_exam.hpp"

#include <fstream>

namespace outbox::postgresql {
namespace {

using texts = std::vector<std::string>;

// What commits asynchronously stays in memory for a while.
const harness::postgres_options slow_wal_writer{
    .settings = {"wal_writer_delay=2s", "autovacuum=off", "recovery_init_sync_method=syncfs"}};

// With synchronous_commit=off a commit is visible before it is durable, and this server's WAL
// writer takes its time. What the relay has read must be there after a crash.
TEST(postgresql_crash, what_was_read_is_still_there_afterwards) {
    harness::postgres_server server{slow_wal_writer};
    open_database(server.url())->open_migrator()->up();
    texts read;
    {
        sql_session sql{server.url()};
        sql.execute("set synchronous_commit = off");
        relay_store store{server.url()};
        cursor at = store.acquire(0, "relay", 60s, "").granted.value().from;
        for (int i = 0; i < 20; ++i) {
            sql.send(std::to_string(i));
            for (const std::string& text : payloads(read_all(store, at)))
                read.push_back(text);
        }
        sql.send("not read, and lost");
    }
    EXPECT_EQ(read.size(), 20U);
    server.stop(harness::postgres_stop::immediate); // the WAL writer gets no last word
    server.start();
    sql_session sql{server.url()};
    EXPECT_EQ(
        sql.number("select count(*) from outbox.message where payload <> 'not read, and lost'"),
        20
    );
}

// Only the binding is waited for; the messages are on the disk, because the producer is patient.
TEST(postgresql_crash, what_was_numbered_has_its_number_afterwards) {
    harness::postgres_server server{slow_wal_writer};
    open_database(server.url())->open_migrator()->up();
    std::vector<numbered_message> before;
    {
        sql_session sql{server.url()};
        numbered_store store{std::make_unique<relay_store>(server.url()), system_random()};
        cursor at = store.acquire(0, "relay", 60s, "").granted.value().from;
        for (int i = 0; i < 20; ++i) {
            sql.send(std::to_string(i));
            for (const auto& m : numbers_of(read_all(store, at)))
                before.push_back(m);
        }
    }
    ASSERT_EQ(before.size(), 20U);
    server.stop(harness::postgres_stop::immediate); // the WAL writer gets no last word
    server.start();
    numbered_store store{std::make_unique<relay_store>(server.url()), system_random()};
    store.release(0, store.status(0).lease_epoch);
    cursor at = store.acquire(0, "heir", 60s, "").granted.value().from;
    EXPECT_EQ(numbers_of(read_all(store, at)), before);
}

// A crash takes back the last moments, and transaction numbers are given out again.
TEST(postgresql_crash, a_cursor_from_before_it_passes_nothing_over) {
    harness::postgres_server server{slow_wal_writer};
    open_database(server.url())->open_migrator()->up();
    cursor before;
    {
        sql_session sql{server.url()};
        sql.execute("set synchronous_commit = off");
        relay_store store{server.url()};
        before = store.acquire(0, "relay", 60s, "").granted.value().from;
        for (int i = 0; i < 50; ++i) // commits that nobody will remember
            sql.execute("select pg_current_xact_id()");
        before = store.read(0, before, {}).after; // nothing to read: nothing made durable
    }
    server.stop(harness::postgres_stop::immediate); // the WAL writer gets no last word
    server.start();
    sql_session sql{server.url()};
    sql.send("1"); // under a number that the cursor has seen finished
    relay_store store{server.url()};
    EXPECT_EQ(payloads(read_all(store, before)), texts{"1"});
}

TEST(postgresql_crash, a_relay_finds_its_place_after_it) {
    harness::postgres_server server{{.settings = {"recovery_init_sync_method=syncfs"}}};
    open_database(server.url())->open_migrator()->up();
    {
        sql_session sql{server.url()};
        relay_store store{server.url()};
        const lease held = store.acquire(0, "relay", 60s, "").granted.value();
        cursor at = held.from;
        sql.send("1");
        EXPECT_EQ(payloads(read_all(store, at)), texts{"1"});
        store.advance(0, held.epoch, at);
        sql.send("2"); // this commit's flush takes the cursor along
        server.kill();
        EXPECT_THROW(store.read(0, at, {}), error);
    }
    server.start();
    relay_store store{server.url()};
    cursor at = store.acquire(0, "relay", 60s, "").granted.value().from;
    EXPECT_EQ(payloads(read_all(store, at)), texts{"2"});
}

TEST(postgresql_crash, a_standby_is_refused) {
    harness::postgres_server server{{.settings = {"hot_standby=on"}}};
    open_database(server.url())->open_migrator()->up();
    server.stop();
    { std::ofstream signal{server.data_dir() / "standby.signal"}; }
    server.start();
    try {
        open_database(server.url())->open_relay_store();
        FAIL() << "accepted";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::unreachable);
        EXPECT_NE(std::string{e.what()}.find("standby"), std::string::npos) << e.what();
    }
}

} // namespace
} // namespace outbox::postgresql
