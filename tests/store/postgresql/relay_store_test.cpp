// What only PostgreSQL can do to a relay: transactions that commit in another order than they
// wrote, snapshots that are held, histories that fork.

#include "tests/store/postgresql/postgres.hpp"
#include "tests/store/relay_store_exam.hpp"

#include "harness/temp_dir.hpp"
#include "outbox/base/log.hpp"
#include "outbox/base/unique_fd.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <set>
#include <thread>

namespace outbox::postgresql {
namespace {

using texts = std::vector<std::string>;

class postgresql_relay_store : public testing::Test {
protected:
    void reopen(const relay_store_options& options = {}) {
        store = place.open(options);
        held = store->acquire(0, "relay", 60s, "").granted.value();
        at = held.from;
    }
    texts read() { return payloads(read_all(*store, at)); }
    void record() { ASSERT_EQ(store->advance(0, held.epoch, at), write_result::done); }
    void fill(int rows, int rows_per_transaction = 1) {
        sql.execute(
            "do $$ begin for i in 1.." + std::to_string(rows / rows_per_transaction) +
            " loop insert into outbox.message (message_id, subject, payload) select"
            " gen_random_uuid(), 's', convert_to(repeat('x', i % 90), 'UTF8') from "
            "generate_series(1, " +
            std::to_string(rows_per_transaction) + "); commit; end loop; end $$"
        );
    }
    std::int64_t stored_rows() { return sql.number("select count(*) from outbox.message"); }

    migrated_database place;
    sql_session sql{place.url()};
    sql_session other{place.url()};
    std::unique_ptr<relay_store> store;
    lease held;
    cursor at;

    void SetUp() override { reopen(); }
};

TEST_F(postgresql_relay_store, a_lower_number_that_commits_later_is_not_lost) {
    sql.execute("begin");
    sql.send("drew its number first");
    other.send("committed first");
    EXPECT_EQ(read(), texts{"committed first"});
    EXPECT_EQ(read(), texts{});
    record();
    sql.execute("commit");
    EXPECT_EQ(read(), texts{"drew its number first"});
    EXPECT_EQ(read(), texts{});
}

TEST_F(postgresql_relay_store, a_lower_number_that_commits_after_a_restart_is_not_lost) {
    sql.execute("begin");
    sql.send("drew its number first");
    other.send("committed first");
    EXPECT_EQ(read(), texts{"committed first"});
    record();
    reopen();
    EXPECT_EQ(read(), texts{});
    sql.execute("commit");
    EXPECT_EQ(read(), texts{"drew its number first"});
}

TEST_F(postgresql_relay_store, what_is_rolled_back_is_never_read) {
    sql.execute("begin");
    sql.send("never");
    EXPECT_EQ(read(), texts{});
    sql.execute("rollback");
    sql.execute("begin");
    sql.send("kept");
    sql.execute("savepoint a");
    sql.send("never either");
    sql.execute("rollback to savepoint a");
    sql.execute("savepoint b");
    sql.send("kept in a savepoint");
    sql.execute("release savepoint b; commit");
    EXPECT_EQ(read(), (texts{"kept", "kept in a savepoint"}));
}

TEST_F(postgresql_relay_store, a_held_snapshot_and_an_open_write_do_not_stop_the_reading) {
    sql.execute("begin isolation level repeatable read; select count(*) from outbox.message");
    other.execute("create table public.t (i int); begin; insert into public.t values (1)");
    sql_session writer{place.url()};
    for (int i = 0; i < 5; ++i) {
        const std::string text = std::to_string(i);
        writer.send(text);
        EXPECT_EQ(read(), texts{text});
        record();
    }
}

TEST_F(postgresql_relay_store, a_prepared_transaction_is_read_when_it_is_decided) {
    sql.execute("begin");
    sql.send("decided late");
    sql.execute("prepare transaction 'p'");
    other.send("meanwhile");
    EXPECT_EQ(read(), texts{"meanwhile"});
    reopen();
    other.execute("commit prepared 'p'");
    EXPECT_EQ(read(), (texts{"decided late", "meanwhile"})); // nothing was recorded: all again
}

TEST_F(postgresql_relay_store, a_window_stays_what_it_was_while_others_commit) {
    sql.execute("begin");
    sql.send("late");
    for (int i = 0; i < 20; ++i)
        other.send(std::to_string(i));
    texts first_window;
    for (int i = 0; i < 20; ++i) {
        const slice one = store->read(0, at, {.message_count_max = 1});
        ASSERT_EQ(one.messages.size(), 1U);
        first_window.push_back(one.messages[0].content.payload);
        EXPECT_EQ(one.more, i < 19);
        at = one.after;
        other.send("next " + std::to_string(i));
        if (i == 3)
            sql.execute("commit");
        if (i == 10) { // the relay dies, and the next one goes on in the middle of the window
            record();
            reopen();
        }
    }
    texts expected;
    for (int i = 0; i < 20; ++i)
        expected.push_back(std::to_string(i));
    EXPECT_EQ(first_window, expected);
    texts second = {"late"};
    for (int i = 0; i < 20; ++i)
        second.push_back("next " + std::to_string(i));
    EXPECT_EQ(read(), second);
}

TEST_F(postgresql_relay_store, big_windows_are_read_completely_with_any_memory_and_patience) {
    fill(3'000, 7);
    const auto expected = payloads(read_all(*store, at));
    ASSERT_EQ(expected.size(), 2'996U);
    for (const std::size_t listed : {100U, 999U, 100'000U}) {
        reopen({.listed_rows_max = listed, .listing_time_max = 0ms});
        at = {};
        EXPECT_EQ(payloads(read_all(*store, at, {.message_count_max = 64})), expected);
    }
}

TEST_F(postgresql_relay_store, a_window_may_cross_the_border_of_two_partitions) {
    sql.execute("select setval('outbox.message_seq', 262140)");
    fill(10);
    EXPECT_EQ(read().size(), 10U);
    EXPECT_EQ(sql.value("select count(*) from outbox.message_0"), "3");
    at = {};
    EXPECT_EQ(payloads(read_all(*store, at, {.message_count_max = 4})).size(), 10U);
}

TEST_F(postgresql_relay_store, rows_that_are_moved_within_a_window_are_found_again) {
    sql.execute("begin");
    sql.send("never");
    sql.execute("rollback");
    fill(50);
    const slice first = store->read(0, at, {.message_count_max = 20});
    sql.execute("vacuum full outbox.message");
    at = first.after;
    EXPECT_EQ(read_all(*store, at, {.message_count_max = 20}).size(), 30U);
}

TEST_F(postgresql_relay_store, a_transaction_with_many_rows_costs_nothing_while_it_is_open) {
    sql.execute("begin; insert into outbox.message (message_id, subject, payload)"
                " select gen_random_uuid(), 's', '' from generate_series(1, 20000)");
    other.send("after it");
    EXPECT_EQ(read(), texts{"after it"}); // past its beginning
    record();
    const auto entries_read = [&] {
        return other.number("select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes"
                            " where relname like 'message%'");
    };
    store.reset(); // its counters are sent when it ends
    harness::wait_until([&] { return entries_read() >= 20'000; }, 5s, "the statistics");
    reopen();
    const std::int64_t before = entries_read();
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(read(), texts{});
    store.reset();
    reopen(); // the counters of the one before are there by now
    EXPECT_LT(entries_read() - before, 1'000);
    sql.execute("commit");
    EXPECT_EQ(read().size(), 20'000U);
}

TEST_F(postgresql_relay_store, a_cursor_of_another_session_is_taken_only_if_it_is_recorded) {
    other.send("1");
    EXPECT_EQ(read(), texts{"1"});
    record();
    other.send("2");
    EXPECT_EQ(read(), texts{"2"});
    const cursor unrecorded = at; // as a relay has it in memory when its connection breaks
    reopen();
    at = unrecorded;
    other.send("3");
    EXPECT_EQ(store->advance(0, held.epoch, unrecorded), write_result::done);
    EXPECT_EQ(read(), (texts{"2", "3"}));
    record();
    reopen();
    EXPECT_EQ(read(), texts{});
}

TEST_F(postgresql_relay_store, in_another_cluster_everything_is_delivered_again_and_that_is_said) {
    other.send("1");
    other.send("2");
    EXPECT_EQ(read().size(), 2U);
    record();
    // As after pg_dump and restore: another identifier in the cursor, numbers from the future.
    sql.execute(
        "update outbox.relay set cursor_window = regexp_replace(cursor_window, '^[0-9]+', '42');"
        "update outbox.message set xid = '4000000000' where payload = '2'"
    );
    std::string said;
    set_log_sink([&](log_level level, std::string_view, std::string_view text) {
        if (level == log_level::warning)
            said += text;
    });
    reopen();
    set_log_sink({});
    EXPECT_NE(said.find("delivered again"), std::string::npos) << said;
    EXPECT_NE(said.find("took over 1 messages"), std::string::npos) << said;
    EXPECT_EQ(read(), (texts{"1", "2"}));
    record();
    reopen();
    EXPECT_EQ(read(), texts{});
}

TEST_F(postgresql_relay_store, transaction_numbers_that_went_back_are_noticed) {
    other.send("1");
    EXPECT_EQ(read().size(), 1U);
    record();
    sql.execute("update outbox.relay set cursor_window ="
                " regexp_replace(cursor_window, ' .*', ' 4000000000:4000000000:')");
    reopen();
    EXPECT_EQ(read(), texts{"1"});
}

TEST_F(postgresql_relay_store, what_numbers_that_went_back_speak_of_is_not_removed) {
    other.send("1");
    EXPECT_EQ(read().size(), 1U);
    record();
    sql.execute("update outbox.relay set cursor_window ="
                " regexp_replace(cursor_window, ' .*', ' 4000000000:4000000000:')");
    reopen({.ring = {.live_bytes_max = 1}});
    while (store->remove_delivered(0, held.epoch))
        ;
    EXPECT_EQ(stored_rows(), 1);
    EXPECT_EQ(read(), texts{"1"});
}

TEST_F(postgresql_relay_store, messages_that_are_due_never_or_ever_hold_up_nobody) {
    sql.execute("insert into outbox.scheduled (message_id, subject, payload, due_at) values"
                " (gen_random_uuid(), 'orders.paid', 'never', 'infinity')");
    const auto release = [&] { return store->release_due(0, held.epoch, 100); };
    EXPECT_EQ(release().released, 0U);
    ASSERT_TRUE(release().next_due);
    EXPECT_LE(*release().next_due, 24h);
    EXPECT_GT(*release().next_due, 1h);
    sql.execute("insert into outbox.scheduled (message_id, subject, payload, due_at) values"
                " (gen_random_uuid(), 'orders.paid', 'due', clock_timestamp()),"
                " (gen_random_uuid(), 'orders.paid', 'ever', '-infinity')");
    EXPECT_EQ(release().released, 2U);
    EXPECT_EQ(read(), (texts{"ever", "due"}));
    const message_id never =
        message_id::parse(sql.value("select message_id from outbox.scheduled")).value();
    EXPECT_TRUE(open_database(place.url())->find(never, 10).scheduled);
}

TEST_F(postgresql_relay_store, a_promotion_reads_on_from_the_recorded_cursor) {
    other.send("1");
    EXPECT_EQ(read(), texts{"1"});
    record();
    sql.execute(
        "update outbox.relay set cursor_window = regexp_replace(cursor_window, '/[0-9]+/', '/9/')"
    );
    other.send("2");
    reopen();
    EXPECT_EQ(read(), texts{"2"});
}

TEST_F(postgresql_relay_store, garbage_in_the_cursor_is_named_with_what_to_do) {
    sql.execute("update outbox.relay set cursor_window = 'garbage'");
    try {
        reopen();
        FAIL() << "accepted";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::corrupt);
        EXPECT_NE(e.hint().find("cursor_window"), std::string::npos);
    }
}

TEST_F(postgresql_relay_store, a_delivered_partition_is_emptied_and_the_live_one_only_when_big) {
    fill(10);
    read();
    record();
    EXPECT_FALSE(store->remove_delivered(0, held.epoch));
    EXPECT_EQ(stored_rows(), 10);
    sql.execute("select setval('outbox.message_seq', 262143)");
    other.send("in the next partition");
    while (store->remove_delivered(0, held.epoch))
        ;
    EXPECT_EQ(stored_rows(), 1);
    EXPECT_EQ(read(), texts{"in the next partition"});
    record();
    reopen({.ring = {.live_bytes_max = 1}});
    store->remove_delivered(0, held.epoch);
    EXPECT_EQ(stored_rows(), 0);
    other.send("life goes on");
    EXPECT_EQ(read(), texts{"life goes on"});
}

TEST_F(postgresql_relay_store, nothing_undelivered_is_removed_and_nobody_is_waited_for) {
    // A lock that is waited for is waited for until the test's own time is over.
    reopen({.limits = {.statement = 1h, .lock = 1h, .answer = 1h}, .ring = {.live_bytes_max = 1}});
    const auto try_it = [&] {
        while (store->remove_delivered(0, held.epoch))
            ;
    };

    other.send("not delivered");
    try_it();
    EXPECT_EQ(stored_rows(), 1);

    read();
    try_it(); // read, but not recorded as delivered
    EXPECT_EQ(stored_rows(), 1);
    record();

    sql.execute("begin");
    sql.send("in flight");
    try_it();
    sql.execute("commit");
    EXPECT_EQ(stored_rows(), 2);
    EXPECT_EQ(read(), texts{"in flight"});
    record();

    sql.execute("begin; select from outbox.message"); // such as pg_dump
    try_it();
    EXPECT_EQ(stored_rows(), 2);
    sql.execute("commit");

    sql.execute("update outbox.message set shard = 7 where payload = 'in flight'");
    try_it(); // nobody serves shard 7
    EXPECT_EQ(stored_rows(), 2);
    sql.execute("update outbox.message set shard = 0");
    try_it();
    EXPECT_EQ(stored_rows(), 0);
}

// Four writers, a relay that removes as greedily as it can, and nothing may be missing.
TEST_F(postgresql_relay_store, removal_races_with_writers_and_loses_nothing) {
    constexpr int writers = 4;
    constexpr int each = 300;
    std::atomic<int> running{writers};
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w)
        threads.emplace_back([&, w] {
            sql_session session{place.url()};
            for (int i = 0; i < each; ++i) {
                session.execute("begin");
                session.send(std::to_string(w) + "/" + std::to_string(i));
                if (i % 7 == 0)
                    session.execute("select pg_sleep(0.002)");
                session.execute(i % 5 == 4 ? "rollback" : "commit");
            }
            --running;
        });
    reopen({.ring = {.live_bytes_max = 1}});
    std::multiset<std::string> seen;
    int emptied = 0;
    while (true) {
        const bool last_round = running == 0;
        for (const std::string& text : read())
            seen.insert(text);
        record();
        const std::int64_t before = stored_rows();
        store->remove_delivered(0, held.epoch);
        emptied += before > 0 && stored_rows() < before;
        if (last_round)
            break;
    }
    for (std::thread& t : threads)
        t.join();
    for (int w = 0; w < writers; ++w)
        for (int i = 0; i < each; ++i)
            EXPECT_EQ(seen.count(std::to_string(w) + "/" + std::to_string(i)), i % 5 == 4 ? 0U : 1U)
                << w << "/" << i;
    EXPECT_GT(emptied, 0);
}

// The promise of every read: each message once, whatever the interleaving, and a key's messages in
// the order of its commits.
TEST_F(postgresql_relay_store, a_storm_of_writers_is_read_once_each_and_in_commit_order_per_key) {
    constexpr int writers = 4;
    constexpr int each = 200;
    sql.execute("create table public.keys (k int primary key, n int);"
                "insert into public.keys select i, 0 from generate_series(0, 2) i");
    std::atomic<int> running{writers};
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w)
        threads.emplace_back([&, w] {
            sql_session session{place.url()};
            for (int i = 0; i < each; ++i) {
                const std::string key = std::to_string((w + i) % 3);
                session.execute("begin");
                const std::string n = session.value(
                    "update public.keys set n = n + 1 where k = " + key + " returning n"
                );
                session.send(key + ":" + n, key);
                if (i % 11 == 0)
                    session.execute("select pg_sleep(0.003)");
                session.execute(i % 6 == 5 ? "rollback" : "commit");
            }
            --running;
        });
    std::map<std::string, int> last;
    std::size_t count = 0;
    while (true) {
        const bool last_round = running == 0;
        for (const std::string& text : payloads(read_all(*store, at, {.message_count_max = 3}))) {
            const std::string key = text.substr(0, 1);
            EXPECT_EQ(std::stoi(text.substr(2)), ++last[key]) << text;
            ++count;
        }
        if (last_round)
            break;
    }
    for (std::thread& t : threads)
        t.join();
    EXPECT_EQ(count, static_cast<std::size_t>(sql.number("select sum(n) from public.keys")));
}

TEST_F(postgresql_relay_store, a_lost_connection_is_unreachable_and_so_is_every_call_after_it) {
    other.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                  " where datname = current_database() and pid <> pg_backend_pid()");
    for (int i = 0; i < 2; ++i) {
        try {
            store->renew(0, held.epoch, 60s);
            FAIL() << "renewed";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::unreachable) << e.what();
            EXPECT_TRUE(e.retryable());
        }
    }
    reopen();
}

TEST(postgresql_database, a_host_that_says_nothing_is_passed_over_for_the_next) {
    const unique_fd silent{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof there;
    auto* const address = reinterpret_cast<sockaddr*>(&there);
    ASSERT_EQ(::bind(silent.get(), address, size), 0);
    ASSERT_EQ(::listen(silent.get(), 1), 0); // the kernel answers, nobody else does
    ASSERT_EQ(::getsockname(silent.get(), address, &size), 0);
    std::string url = shared_server().url();
    url.insert(url.find("127.0.0.1"), "127.0.0.1:" + std::to_string(ntohs(there.sin_port)) + ",");
    connection db{url, {.connect = 2s}};
    EXPECT_EQ(db.query("select 'here'", "test").text(0, 0), "here");
}

TEST(postgresql_database, tells_its_url_without_the_password) {
    EXPECT_EQ(
        open_database("postgresql://me:secret@there:5433/shop")->display_name(),
        "postgresql://me@there:5433/shop"
    );
    EXPECT_EQ(open_database("sqlite:x"), nullptr);
    try {
        open_database("postgresql://me:secret@there:5433/shop?nonsense=1");
        FAIL() << "accepted";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::invalid_argument);
        EXPECT_EQ(std::string{e.what()}.find("secret"), std::string::npos);
    }
}

TEST(postgresql_database, one_that_is_away_is_unreachable_with_a_hint) {
    try {
        open_database("postgresql://me:secret@127.0.0.1:1/shop")->open_relay_store();
        FAIL() << "reached";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::unreachable);
        EXPECT_NE(e.hint(), "");
        EXPECT_EQ(std::string{e.what()}.find("secret"), std::string::npos) << e.what();
    }
}

TEST(postgresql_database, two_migrators_at_once_do_the_work_once) {
    const test_database place;
    std::vector<std::thread> threads;
    std::atomic<std::size_t> applied{0};
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            applied += open_database(place.url())->open_migrator()->up().size();
        });
    for (std::thread& t : threads)
        t.join();
    EXPECT_EQ(applied, open_database(place.url())->open_migrator()->status().size());
}

} // namespace
} // namespace outbox::postgresql
