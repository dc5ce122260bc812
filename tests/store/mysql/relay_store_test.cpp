// What only InnoDB can do to a relay: numbers that are drawn before they are visible, and gaps that
// nobody explains.

#include "harness/wait_until.hpp"
#include "outbox/base/log.hpp"
#include "tests/store/mysql/server.hpp"
#include "tests/store/relay_store_exam.hpp"
#include "tests/support/turns_proxy.hpp"

#include <gmock/gmock.h>

#include <thread>

namespace outbox::mysql {
namespace {

using texts = std::vector<std::string>;

constexpr relay_store_options eager{.settle_interval = 0ms, .counter_interval = 0ms};

class mysql_relay_store : public testing::TestWithParam<make> {
protected:
    void reopen(const relay_store_options& options = eager) {
        store = std::make_unique<relay_store>(parse_url(place.url()), options);
        held = store->acquire(0, "relay", 60s, "").granted.value();
        at = held.from;
    }
    texts read() { return payloads(read_all(*store, at)); }
    void record() { ASSERT_EQ(store->advance(0, held.epoch, at), write_result::done); }
    void remove() {
        while (store->remove_delivered(0, held.epoch))
            ;
    }
    // Reads on until what is left open is `holes`. Nothing may be delivered meanwhile.
    void await_holes(const std::string& holes) {
        harness::wait_until(
            [&] {
                EXPECT_EQ(read(), texts{});
                return at.window == holes;
            },
            20s,
            "the open gaps to be " + holes
        );
    }
    std::int64_t stored_rows() { return sql.number("select count(*) from outbox_message"); }

    migrated_database place{shared_server(GetParam())};
    sql_session sql{place.url()};
    sql_session other{place.url()};
    std::unique_ptr<relay_store> store;
    lease held;
    cursor at;

    void SetUp() override { reopen(); }
};

INSTANTIATE_TEST_SUITE_P(
    on,
    mysql_relay_store,
    testing::Values(make::mariadb, make::mysql),
    [](const auto& p) { return p.param == make::mariadb ? "mariadb" : "mysql"; }
);

TEST_P(mysql_relay_store, a_lower_number_that_commits_later_is_not_lost) {
    sql.execute("start transaction");
    sql.send("drew its number first");
    other.send("committed first");
    EXPECT_EQ(read(), texts{"committed first"});
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(read(), texts{});
    EXPECT_EQ(at.window, "1");
    record();
    sql.execute("commit");
    EXPECT_EQ(read(), texts{"drew its number first"});
    EXPECT_EQ(at.window, "");
}

TEST_P(mysql_relay_store, a_lower_number_that_commits_after_a_restart_is_not_lost) {
    sql.execute("start transaction");
    sql.send("drew its number first");
    other.send("committed first");
    EXPECT_EQ(read(), texts{"committed first"});
    record();
    reopen();
    EXPECT_EQ(read(), texts{});
    EXPECT_EQ(store->status(0).backlog, 0);
    sql.execute("commit");
    EXPECT_EQ(store->status(0).backlog, 1);
    EXPECT_EQ(read(), texts{"drew its number first"});
}

TEST_P(mysql_relay_store, what_is_rolled_back_is_never_read_and_its_gap_closes) {
    sql.execute("start transaction");
    sql.send("never");
    sql.execute("savepoint a");
    sql.send("never either");
    other.send("kept");
    EXPECT_EQ(read(), texts{"kept"});
    EXPECT_EQ(at.window, "1-2");
    sql.execute("rollback to savepoint a");
    await_holes("1");
    sql.execute("rollback");
    await_holes("");
}

// Two transactions, the second of which has seen the first, both commit while a slice is read.
TEST_P(mysql_relay_store, who_has_seen_a_commit_never_overtakes_it) {
    for (const int statement : {1, 2, 3, 4}) {
        turns_proxy proxy{place.port()};
        server_url url = parse_url(place.url());
        url.port = proxy.port();
        relay_store through{url, eager};
        read_all(through, at);
        sql.execute("start transaction");
        sql.send("first");
        other.send("opens the gap");
        ASSERT_EQ(payloads(read_all(through, at)), texts{"opens the gap"});
        proxy.before("from outbox_message", statement, [&] {
            sql.execute("commit");
            other.send("second");
        });
        texts all;
        while (all.size() < 2)
            for (const std::string& text : payloads(read_all(through, at)))
                all.push_back(text);
        EXPECT_EQ(all, (texts{"first", "second"})) << "between statements, before " << statement;
    }
}

// INSERT draws the numbers of all its rows with the first of them; what it calls in between looks
// like statements of its own in QUERY_ID, TIME and TIME_MS of the processlist.
TEST_P(mysql_relay_store, a_slow_insert_of_several_rows_is_waited_for) {
    other.execute(
        "create function pass(gate varchar(10)) returns varchar(10) not deterministic "
        "reads sql data begin declare a int; select get_lock(gate, 600) into a; return 'slow'; end"
    );
    const texts gates{"first", "second", "third"};
    sql_session keeper{place.url()};
    for (const std::string& gate : gates)
        EXPECT_EQ(keeper.value("select get_lock('" + gate + "', 0)"), "1");
    std::thread writer{[&] {
        sql.execute(
            "insert into outbox_message (message_id, subject, order_key, headers, payload) values"
            " (unhex(replace(uuid(), '-', '')), 's', '', '', pass('open')),"
            " (unhex(replace(uuid(), '-', '')), 's', '', '', pass('first')),"
            " (unhex(replace(uuid(), '-', '')), 's', '', '', pass('second')),"
            " (unhex(replace(uuid(), '-', '')), 's', '', '', pass('third'))"
        );
    }};
    harness::wait_until(
        [&] {
            return other.value("set transaction isolation level read uncommitted; select count(*)"
                               " from outbox_message") != "0";
        },
        10s,
        "the first row of the slow insert"
    );
    other.send("fast");
    EXPECT_EQ(read(), texts{"fast"});
    const std::string gaps = at.window;
    for (const std::string& gate : gates) {
        for (int i = 0; i < 20; ++i)
            EXPECT_EQ(read(), texts{});
        EXPECT_EQ(at.window, gaps) << "given up before the " << gate << " gate";
        EXPECT_EQ(keeper.value("select release_lock('" + gate + "')"), "1");
        harness::wait_until(
            [&] { return !other.value("select is_used_lock('" + gate + "')").empty(); },
            10s,
            "the insert to pass the " + gate + " gate"
        );
    }
    writer.join();
    EXPECT_EQ(read(), (texts{"slow", "slow", "slow", "slow"}));
}

TEST_P(mysql_relay_store, a_row_that_is_deleted_and_comes_back_is_not_lost) {
    sql.execute("start transaction");
    sql.send("comes back");
    sql.execute("savepoint a; delete from outbox_message where seq = 1");
    other.send("meanwhile");
    EXPECT_EQ(read(), texts{"meanwhile"});
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(read(), texts{});
    sql.execute("rollback to savepoint a; commit");
    EXPECT_EQ(read(), texts{"comes back"});
}

TEST_P(mysql_relay_store, a_prepared_transaction_is_read_when_it_is_decided) {
    sql.execute("xa start 'x'");
    sql.send("decided late");
    sql.execute("xa end 'x'; xa prepare 'x'");
    other.send("meanwhile");
    EXPECT_EQ(read(), texts{"meanwhile"});
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(read(), texts{});
    sql.execute("xa commit 'x'");
    EXPECT_EQ(read(), texts{"decided late"});
}

TEST_P(mysql_relay_store, a_bulk_insert_into_the_empty_table_is_not_lost) {
    sql.execute("set unique_checks = 0, foreign_key_checks = 0; start transaction");
    sql.execute("insert into outbox_message (message_id, subject, order_key, headers, payload)"
                " values (unhex(replace(uuid(), '-', '')), 's', '', '', '1'),"
                " (unhex(replace(uuid(), '-', '')), 's', '', '', '2'),"
                " (unhex(replace(uuid(), '-', '')), 's', '', '', '3')");
    // On MariaDB it waits for the whole table.
    std::jthread beside{[&] { other.send("beside"); }};
    texts all;
    const auto read_on = [&] {
        for (const std::string& text : read())
            all.push_back(text);
        return all.size() >= 4;
    };
    for (int i = 0; i < 20; ++i)
        EXPECT_FALSE(read_on());
    sql.execute("commit");
    harness::wait_until(read_on, 10s, "all messages");
    EXPECT_THAT(all, testing::UnorderedElementsAre("1", "2", "3", "beside"));
}

TEST_P(mysql_relay_store, numbers_in_steps_leave_gaps_that_close) {
    sql.execute("set auto_increment_increment = 7, auto_increment_offset = 3");
    texts sent;
    for (int i = 0; i < 30; ++i) {
        sent.push_back(std::to_string(i));
        (i % 3 == 0 ? other : sql).send(sent.back());
    }
    texts all;
    while (all.size() < sent.size())
        for (const std::string& text : payloads(read_all(*store, at, {.message_count_max = 4})))
            all.push_back(text);
    EXPECT_EQ(all, sent);
    await_holes("");
    record();
    EXPECT_EQ(store->status(0).backlog, 0);
}

TEST_P(mysql_relay_store, a_held_read_view_and_an_open_write_do_not_stop_the_reading) {
    sql.execute("set session transaction isolation level repeatable read; start transaction;"
                " select count(*) from outbox_message");
    other.execute("create table t (i int); start transaction; insert into t values (1)");
    sql_session writer{place.url()};
    for (int i = 0; i < 5; ++i) {
        const std::string text = std::to_string(i);
        writer.send(text);
        EXPECT_EQ(read(), texts{text});
        record();
        remove();
    }
    writer.execute("start transaction");
    writer.send("rolled back beside them");
    writer.execute("rollback");
    writer.send("last");
    EXPECT_EQ(read(), texts{"last"});
    await_holes("");
}

TEST_P(mysql_relay_store, at_the_limit_of_gaps_it_waits_and_skips_nothing) {
    reopen({.settle_interval = 0ms, .open_holes_max = 3});
    std::vector<std::unique_ptr<sql_session>> open;
    texts sent;
    for (int i = 0; i < 6; ++i) {
        open.push_back(std::make_unique<sql_session>(place.url()));
        open.back()->execute("start transaction");
        open.back()->send("late " + std::to_string(i));
        other.send(std::to_string(i));
    }
    EXPECT_EQ(read(), (texts{"0", "1", "2"}));
    EXPECT_EQ(read(), texts{});
    EXPECT_FALSE(store->read(0, at, {}).more) << "it would be asked again at once";
    open[1]->execute("commit");
    EXPECT_EQ(read(), (texts{"late 1", "3"}));
    open[0]->execute("rollback");
    texts rest;
    harness::wait_until(
        [&] {
            for (const std::string& text : read())
                rest.push_back(text);
            return !rest.empty();
        },
        10s,
        "a gap to close"
    );
    EXPECT_EQ(rest, texts{"4"});
    open.clear(); // all are rolled back
    while (rest.size() < 2)
        for (const std::string& text : read())
            rest.push_back(text);
    EXPECT_EQ(rest, (texts{"4", "5"}));
    await_holes("");
}

TEST_P(mysql_relay_store, removal_never_goes_over_an_open_gap) {
    sql.execute("start transaction");
    sql.send("late");
    for (int i = 0; i < 3; ++i)
        other.send("early");
    EXPECT_EQ(read().size(), 3U);
    record();
    remove();
    sql.execute("commit");
    EXPECT_EQ(stored_rows(), 1);
    remove(); // it is not delivered yet
    EXPECT_EQ(stored_rows(), 1);
    EXPECT_EQ(read(), texts{"late"});
    remove(); // nor is that recorded
    EXPECT_EQ(stored_rows(), 1);
    record();
    remove();
    EXPECT_EQ(stored_rows(), 0);
}

// TRUNCATE lets the numbers begin again: what comes then is below the cursor.
TEST_P(mysql_relay_store, messages_after_a_truncate_by_hand_are_neither_skipped_nor_removed) {
    for (const bool restarted : {false, true}) {
        SCOPED_TRACE(restarted ? "noticed by the next relay" : "noticed by the same relay");
        for (int i = 0; i < 20; ++i)
            sql.send("before");
        EXPECT_EQ(read().size(), 20U);
        record();
        remove();
        EXPECT_EQ(read(), texts{});
        sql.execute("truncate table outbox_message");
        sql.send("after 1");
        sql.send("after 2");
        if (restarted) {
            reopen();
            remove();
        }
        EXPECT_EQ(read(), (texts{"after 1", "after 2"}));
        remove(); // the cursor of before is still recorded
        EXPECT_EQ(stored_rows(), 2);
        record();
        remove();
        EXPECT_EQ(stored_rows(), 0);
        sql.send("after 3");
        EXPECT_EQ(read(), texts{"after 3"});
        record();
    }
}

// What was settled before is nothing to go by: a slow statement holds low numbers again.
TEST_P(mysql_relay_store, gaps_after_a_truncate_by_hand_wait_for_who_may_fill_them) {
    for (int i = 0; i < 20; ++i)
        sql.send("before");
    EXPECT_EQ(read().size(), 20U);
    sql.execute("start transaction");
    sql.send("taken back");
    sql.execute("rollback");
    sql.send("before, too");
    EXPECT_EQ(read(), texts{"before, too"});
    await_holes("");
    record();
    other.execute("truncate table outbox_message");
    other.execute("create function pass() returns varchar(10) not deterministic reads sql data "
                  "begin declare a int; select get_lock('gate', 600) into a; return 'slow'; end");
    sql_session keeper{place.url()};
    EXPECT_EQ(keeper.value("select get_lock('gate', 0)"), "1");
    std::thread writer{[&] {
        sql.execute(
            "insert into outbox_message (message_id, subject, order_key, headers, payload) values"
            " (unhex(replace(uuid(), '-', '')), 's', '', '', 'slow'),"
            " (unhex(replace(uuid(), '-', '')), 's', '', '', pass())"
        );
    }};
    harness::wait_until(
        [&] {
            return other.value("select 1 from information_schema.processlist where info like "
                               "'%get_lock%' and db = database() and id <> connection_id()") == "1";
        },
        20s,
        "the insert to stand at the gate"
    );
    other.send("fast");
    harness::wait_until([&] { return read() == texts{"fast"}; }, 20s, "the truncate to be noticed");
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(read(), texts{});
    EXPECT_FALSE(at.window.empty()) << "given up while the insert stands at its gate";
    EXPECT_EQ(keeper.value("select release_lock('gate')"), "1");
    writer.join();
    EXPECT_EQ(read(), (texts{"slow", "slow"}));
}

TEST_P(mysql_relay_store, big_headers_stay_on_the_server_until_their_turn) {
    sql.execute(
        "insert into outbox_message (message_id, subject, order_key, headers, payload) select"
        " unhex(replace(uuid(), '-', '')), 's', '', repeat('h', 100000), concat('p', seq) from"
        " (select 1 as seq" +
        [] {
            std::string more;
            for (int i = 2; i <= 200; ++i)
                more += " union all select " + std::to_string(i);
            return more;
        }() +
        ") numbers order by seq"
    );
    const auto sent = [&] {
        return other.number(
            std::string{"select cast(variable_value as unsigned) from "} +
            (GetParam() == make::mysql ? "performance_schema" : "information_schema") +
            ".global_status where upper(variable_name) = 'BYTES_SENT'"
        );
    };
    const std::int64_t before = sent();
    const slice first = store->read(0, at, {.bytes_max = 1'000'000});
    EXPECT_LT(sent() - before, 4'000'000);
    ASSERT_EQ(first.messages.size(), 9U);
    for (const stored_message& m : first.messages)
        EXPECT_EQ(m.content.headers, std::string(100'000, 'h'));
    EXPECT_EQ(read().size(), 200U);
}

TEST_P(mysql_relay_store, big_messages_come_one_by_one_and_whole) {
    const std::string big(900'000, 'x');
    for (const char* tail : {"1", "2", "3"})
        sql.send(big + tail);
    sql.send("small");
    const slice first = store->read(0, at, {.bytes_max = 1'000'000});
    ASSERT_EQ(first.messages.size(), 1U);
    EXPECT_EQ(first.messages[0].content.payload, big + "1");
    EXPECT_TRUE(first.more);
    EXPECT_EQ(read(), (texts{big + "1", big + "2", big + "3", "small"}));
}

TEST_P(mysql_relay_store, a_session_that_is_killed_is_unreachable_and_the_next_one_goes_on) {
    sql.send("1");
    EXPECT_EQ(read(), texts{"1"});
    record();
    sql.execute(
        "kill " + other.value("select max(id) from information_schema.processlist where"
                              " db = database() and id <> connection_id()")
    );
    try {
        store->read(0, at, {});
        FAIL() << "the session is gone";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::unreachable) << e.what();
    }
    EXPECT_THROW(store->read(0, at, {}), error);
    reopen();
    sql.send("2");
    EXPECT_EQ(read(), texts{"2"});
}

TEST_P(mysql_relay_store, a_locked_row_of_the_lease_is_busy_not_lost) {
    relay_store_options options = eager;
    options.limits.lock = 1s;
    reopen(options);
    sql.execute("start transaction; select * from outbox_relay for update");
    EXPECT_EQ(store->renew(0, held.epoch, 60s), write_result::busy);
    EXPECT_EQ(store->advance(0, held.epoch, at), write_result::busy);
    sql.execute("rollback");
    EXPECT_EQ(store->renew(0, held.epoch, 60s), write_result::done);
}

// What the log says while a store is open.
class log_of {
public:
    log_of() {
        set_log_sink([this](log_level, std::string_view, std::string_view text) {
            text_ += std::string{text} + "\n";
        });
    }
    ~log_of() { set_log_sink({}); }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

TEST_P(mysql_relay_store, without_the_privilege_process_gaps_close_by_time_but_never_over_a_row) {
    sql.execute(
        "drop user if exists blind; create user blind; grant select, insert, update, delete on " +
        place.name() + ".* to blind"
    );
    server_url url = parse_url(place.url());
    url.user = "blind";
    const log_of log;
    relay_store blind{url, {.settle_interval = 0ms, .hole_patience = 300ms}};
    EXPECT_THAT(log.text(), testing::HasSubstr("PROCESS"));

    sql.execute("start transaction");
    sql.send("open for longer than the patience");
    other.execute("start transaction");
    other.send("never");
    other.execute("rollback");
    other.send("1");
    EXPECT_EQ(payloads(read_all(blind, at)), texts{"1"});
    EXPECT_EQ(at.window, "1-2");
    harness::wait_until(
        [&] {
            EXPECT_TRUE(read_all(blind, at).empty());
            return at.window == "1";
        },
        10s,
        "the rolled-back number to be given up"
    );
    for (int i = 0; i < 50; ++i)
        EXPECT_TRUE(read_all(blind, at).empty());
    sql.execute("commit");
    EXPECT_EQ(payloads(read_all(blind, at)), texts{"open for longer than the patience"});
}

// At SERIALIZABLE its own reads would lock rows of the users, at REPEATABLE READ the gaps between.
TEST_P(mysql_relay_store, its_sessions_are_at_read_committed_whatever_the_server_says) {
    const std::string ask =
        GetParam() == make::mariadb ? "select @@tx_isolation" : "select @@transaction_isolation";
    for (const std::string level : {"serializable", "repeatable read"}) {
        place.sql("set global transaction isolation level " + level);
        const std::string of_others = place.sql(ask);
        const std::string of_the_relay = sql_session{place.url()}.value(ask);
        reopen();
        place.sql("set global transaction isolation level repeatable read"); // as it was
        EXPECT_EQ(of_others, level == "serializable" ? "SERIALIZABLE\n" : "REPEATABLE-READ\n");
        EXPECT_EQ(of_the_relay, "READ-COMMITTED");
        sql.send(level);
        EXPECT_EQ(read(), texts{level});
        record();
    }
}

// With 0 the log is written about once a second, and a commit can be seen before that.
TEST(mysql_durability, what_is_read_is_on_the_disk_even_where_commits_are_not) {
    const harness::mariadb_server server{{.settings = {"innodb-flush-log-at-trx-commit=0"}}};
    const migrated_database place{any_server::from(server)};
    const log_of log;
    relay_store store{parse_url(place.url()), eager};
    EXPECT_THAT(log.text(), testing::HasSubstr("innodb_flush_log_at_trx_commit is not 1"));
    sql_session sql{place.url()};
    const auto position = [&](const char* name) {
        sql_session asks{place.url()};
        return asks.number(
            std::string{"select variable_value from information_schema.global_status where "
                        "variable_name = '"} +
            name + "'"
        );
    };
    cursor at = store.acquire(0, "relay", 60s, "").granted.value().from;
    int held_back = 0;
    for (int i = 0; i < 3; ++i) {
        sql.send(std::to_string(i));
        const std::int64_t committed = position("innodb_lsn_current");
        held_back += position("innodb_lsn_flushed") < committed ? 1 : 0;
        EXPECT_EQ(payloads(read_all(store, at)), texts{std::to_string(i)});
        EXPECT_GE(position("innodb_lsn_flushed"), committed);
    }
    EXPECT_GT(held_back, 0) << "nothing was tried: each commit was on the disk at once";
}

TEST(mysql_durability, a_server_that_is_killed_has_not_forgotten_what_was_read) {
    harness::mariadb_server server;
    const migrated_database place{any_server::from(server)};
    cursor at;
    int read = 0;
    for (int round = 0; round < 5; ++round) {
        relay_store store{parse_url(place.url()), eager};
        std::jthread writer{[&] {
            try {
                sql_session sql{place.url()};
                for (int i = 0; i < 100'000; ++i)
                    sql.send("m");
            } catch (const error&) { // killed
            }
        }};
        std::int64_t highest = 0;
        harness::wait_until(
            [&] {
                for (const stored_message& m : read_all(store, at)) {
                    highest = std::max(highest, m.seq);
                    ++read;
                }
                return highest > 0;
            },
            10s,
            "messages"
        );
        server.kill();
        writer.join();
        server.start();
        sql_session sql{place.url()};
        EXPECT_GE(sql.number("select max(seq) from outbox_message"), highest);
        EXPECT_EQ(
            sql.number(
                "select count(*) from outbox_message where seq <= " + std::to_string(highest)
            ),
            read
        );
        EXPECT_GT(
            sql.number("select auto_increment from information_schema.tables where"
                       " table_schema = database() and table_name = 'outbox_message'"),
            highest
        );
        relay_store again{parse_url(place.url()), eager};
        read += static_cast<int>(read_all(again, at).size());
    }
}

} // namespace
} // namespace outbox::mysql
