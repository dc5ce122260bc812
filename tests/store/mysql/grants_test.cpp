// Each of the five roles does its work, and is refused everything else.
#include "outbox/store/mysql/applied_sql.hpp"
#include "outbox/store/mysql/consumed_sql.hpp"
#include "tests/store/claim_steps.hpp"
#include "tests/store/mysql/server.hpp"
#include "tests/store/relay_store_exam.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace outbox::mysql {
namespace {

/// On which server, and for which outbox; the usual one stands beside it in any case.
struct grants_case {
    make on = make::mariadb;
    outbox_name name{};
};

class mysql_grants : public testing::TestWithParam<grants_case> {
protected:
    // Roles are passed on by whoever made them: root of this machine, as the client `mariadb` is.
    mysql_grants() {
        // On MySQL a procedure that was made by a user with SYSTEM_USER, such as root, only another
        // one of these can drop.
        const bool on_mysql = GetParam().on == make::mysql;
        place_.sql(
            std::string{"create user if not exists an_admin; grant all on *.* to an_admin with "
                        "grant option;"} +
            (on_mysql ? "revoke system_user on *.* from an_admin;" : "")
        );
        std::string admin = place_.url();
        admin.replace(admin.find("root@"), 4, "an_admin");
        open_database(admin)->open_migrator()->up();
        open(admin)->open_migrator()->up();
        std::string sql = "create table orders (id int, state text); create procedure "
                          "somebody_elses() select 1;" +
                          name_.in(dialect().grants_sql);
        const std::string whose = on_mysql ? " to " : " for ";
        for (const std::string role : {"producer", "consumer", "watchdog", "viewer", "migrator"}) {
            const std::string user = user_of(role);
            const std::string its = name_.text() + "_" + role;
            sql += "create user if not exists " + user + "; grant " + its + " to " + user +
                   "; set default role " + its + whose + user + ";";
        }
        place_.sql(sql + "create user if not exists " + user_of("stranger"));
    }

    std::string user_of(const std::string& role) const { return name_.text() + "_a_" + role; }
    std::string url_of(const std::string& role) const {
        std::string url = place_.url();
        return url.replace(url.find("root@"), 4, user_of(role));
    }
    std::unique_ptr<database> open(const std::string& url) const {
        return open_database(url, name_);
    }
    sql_session session(const std::string& role) const { return sql_session{url_of(role), name_}; }

    /// None of `statements` may `user` run, and each for want of a privilege, not for a mistake: it
    /// runs for who may, or the refusal would prove nothing.
    void expect_refused(const std::string& user, const std::vector<std::string>& statements) {
        for (const std::string& sql : statements) {
            EXPECT_NO_THROW(owner_.execute("start transaction; " + sql + "; rollback")) << sql;
            expect_denied(user, sql);
        }
    }
    /// The same of table definitions, which cannot be tried without being done.
    void expect_denied(const std::string& user, const std::string& sql) {
        try {
            session(user).execute(sql);
            ADD_FAILURE() << user << " may: " << sql;
        } catch (const sql_error& e) {
            // For the database, the table, a column, the server, the routine, the role.
            const std::vector<unsigned> denied{1044, 1142, 1143, 1227, 1370, 1698};
            EXPECT_TRUE(std::ranges::count(denied, e.code()) == 1)
                << user << ": " << sql << ": " << e.code() << " " << e.what();
        }
    }

    outbox_name name_ = GetParam().name;
    test_database place_{shared_server(GetParam().on)};
    sql_session owner_{place_.url(), name_};
};

const std::string good_message = "insert into outbox_message (message_id, subject, headers, "
                                 "payload) values (unhex(replace(uuid(),"
                                 " '-', '')), 'a', '', '')";

TEST_P(mysql_grants, a_producer_sends_and_does_nothing_else) {
    std::vector<envelope> rows{make_envelope("1"), make_envelope("2", bytes{"key"})};
    open(url_of("producer"))->send(rows);
    session("producer").execute(good_message);
    session("producer")
        .execute("set @id = null; call outbox_send('a', '', null, null, null, null, null, @id)");
    EXPECT_EQ(owner_.number("select count(*) from outbox_message"), 4);
    expect_refused(
        "producer",
        {
            "select seq from outbox_message",
            "select payload from outbox_message",
            "insert into outbox_message (message_id, subject, headers, payload, seq) values"
            " ('0123456789abcdef', 'a', '', '', 1000)",
            "insert into outbox_message (message_id, subject, headers, payload, created_at) values"
            " ('0123456789abcdef', 'a', '', '', now())",
            "update outbox_message set payload = ''",
            "delete from outbox_message",
            "select owner from outbox_relay",
            "update outbox_relay set cursor_seq = 0",
            "select version from outbox_schema_version",
            "insert into outbox_schema_version (version, name, checksum) values (9, 'x', 'x')",
            "select id from orders",
        }
    );
    for (const char* sql :
         {"truncate outbox_message",
          "create table outbox_mine (x int)",
          "lock tables outbox_message write",
          "drop table outbox_message",
          "drop procedure outbox_send"})
        expect_denied("producer", sql);
}

TEST_P(mysql_grants, a_consumer_notes_what_it_has_done_and_does_nothing_else) {
    take_every_step(*open(url_of("consumer"))->open_claim_store());
    const std::vector<bytes> keys{"1"};
    sql_session mine = session("consumer");
    std::string fresh;
    mine.execute("start transaction");
    for (const std::string& sql : consumed_sql::note(
             {},
             {.group = "billing", .keys = keys, .token = "12345678"},
             consumed_sql::answer::asked_for
         ))
        fresh = mine.value(sql);
    mine.execute("rollback");
    EXPECT_EQ(fresh, "31");
    for (const std::string& sql : consumed_sql::forget({}, 1h, 10))
        mine.value(sql);
    applied_question about{.group = "billing", .source = "a", .numbers = "1", .rows_max = 10};
    for (const auto what :
         {applied_question::create,
          applied_question::lock,
          applied_question::write,
          applied_question::forget}) {
        about.what = what;
        for (const std::string& sql : applied_sql::texts({}, about))
            mine.value(sql);
    }
    expect_refused(
        "consumer",
        {
            good_message,
            "select payload from outbox_message",
            "select owner from outbox_relay",
            "delete from outbox_schema_version",
            "select id from orders",
        }
    );
}

TEST_P(mysql_grants, a_watchdog_relays_and_does_nothing_else) {
    for (int i = 0; i < 20; ++i)
        owner_.execute(good_message);
    const auto relay = open(url_of("watchdog"))->open_relay_store();
    EXPECT_EQ(relay->status(0).backlog, 20);
    const lease mine = relay->acquire(0, "relay", 60s, "udp:127.0.0.1:1").granted.value();
    EXPECT_EQ(relay->renew(0, mine.epoch, 60s), write_result::done);
    cursor at = mine.from;
    EXPECT_EQ(read_all(*relay, at, {.message_count_max = 3}).size(), 20U);
    EXPECT_EQ(relay->advance(0, mine.epoch, at), write_result::done);
    while (relay->remove_delivered(0, mine.epoch)) {
    }
    EXPECT_EQ(owner_.number("select count(*) from outbox_message"), 0);
    owner_.execute("set @id = null; call outbox_send('a', '', null, null, null, null, now(), @id)");
    EXPECT_EQ(relay->release_due(0, mine.epoch, 10).released, 1U);
    EXPECT_EQ(relay->status(0).backlog, 1);
    ASSERT_EQ(relay->intents()->claim(0, mine.epoch, "a").next_place, 1);
    EXPECT_EQ(relay->intents()->bind(0, {.place = 1, .source = "a"}), write_result::done);
    EXPECT_EQ(relay->intents()->load(0).size(), 1U);
    EXPECT_EQ(
        relay->intents()->advance_and_forget(0, mine.epoch, at, std::array{std::int64_t{1}}),
        write_result::done
    );
    relay->release(0, mine.epoch);
    relay->forget_applied(1h, 10);
    expect_refused(
        "watchdog",
        {
            "insert into outbox_consumed (group_name, message_key) values ('billing', '1')",
            "update outbox_claim set lease_until = null",
            "update outbox_applied set numbers = ''",
            "update outbox_intent set first_number = 1",
            "delete from outbox_numbering",
            "update outbox_message set payload = ''",
            "update outbox_scheduled set payload = ''",
            "insert into outbox_relay (shard, cursor_window) values (1, '')",
            "delete from outbox_relay",
            "update outbox_schema_version set checksum = ''",
            "delete from outbox_schema_version",
            "select id from orders",
        }
    );
    for (const char* sql :
         {"truncate outbox_relay",
          "create table outbox_mine (x int)",
          "alter table outbox_message add column x int",
          "drop table outbox_message",
          "set @id = null; call outbox_send('a', '', null, null, null, null, null, @id)"})
        expect_denied("watchdog", sql);
}

TEST_P(mysql_grants, a_viewer_sees_what_is_waiting_and_not_what_it_says) {
    owner_.execute(good_message);
    EXPECT_EQ(session("viewer").value("select subject from outbox_message"), "a");
    EXPECT_EQ(open(url_of("viewer"))->open_relay_store()->status(0).backlog, 1);
    const message_search searched = open(url_of("viewer"))->find(message_id_generator{}.next(), 10);
    EXPECT_TRUE(searched.complete);
    EXPECT_TRUE(searched.noted) << "may see what groups have noted";
    // Grants of an earlier version: the rest is told all the same.
    owner_.execute(
        "revoke select (group_name, message_key, lease_until, changed_at) on outbox_claim"
        " from outbox_viewer"
    );
    EXPECT_FALSE(open(url_of("viewer"))->find(message_id_generator{}.next(), 10).noted);
    EXPECT_NO_THROW(require_current(open(url_of("viewer"))->open_migrator()->status()));
    expect_refused(
        "viewer",
        {
            "select token from outbox_claim",
            "select payload from outbox_message",
            "select headers from outbox_message",
            "select * from outbox_message",
            "select length(payload) from outbox_message",
            good_message,
            "update outbox_message set payload = ''",
            "delete from outbox_message",
            "update outbox_relay set owner = ''",
            "update outbox_schema_version set checksum = ''",
            "select id from orders",
        }
    );
    for (const char* sql : {"truncate outbox_message", "drop table outbox_message"})
        expect_denied("viewer", sql);
}

TEST_P(mysql_grants, a_migrator_makes_and_removes_the_tables_and_nothing_else) {
    const auto migrator = open(url_of("migrator"))->open_migrator();
    const auto versions = migrator->status().size();
    EXPECT_EQ(migrator->down(0).size(), versions);
    EXPECT_EQ(migrator->up().size(), versions);
    EXPECT_NO_THROW(require_current(migrator->status()));
    expect_refused("migrator", {"select id from orders", "delete from orders"});
    for (const char* sql :
         {"drop table orders",
          "create table mine (x int)",
          "drop procedure somebody_elses",
          "create user somebody",
          "grant outbox_migrator to outbox_a_viewer"})
        expect_denied("migrator", sql);
}

TEST_P(mysql_grants, somebody_without_a_role_gets_nothing) {
    for (const std::string& sql : {good_message, std::string{"select seq from outbox_message"}})
        expect_denied("stranger", sql);
}

TEST_P(mysql_grants, a_role_of_one_outbox_has_no_right_in_another) {
    if (name_.is_usual())
        return; // seen from the other
    for (const std::string role : {"producer", "watchdog", "viewer", "migrator"}) {
        for (const std::string& sql : {good_message, std::string{"select seq from outbox_message"}})
            try {
                sql_session{url_of(role)}.execute(sql);
                ADD_FAILURE() << role << " may: " << sql;
            } catch (const sql_error& e) {
                EXPECT_EQ(e.code(), 1142U) << e.what();
            }
    }
}

INSTANTIATE_TEST_SUITE_P(
    each,
    mysql_grants,
    testing::Values(
        grants_case{make::mariadb, {}},
        grants_case{make::mariadb, outbox_name{"billing"}},
        grants_case{make::mysql, {}},
        grants_case{make::mysql, outbox_name{"billing"}}
    ),
    [](const auto& tested) {
        return std::string{tested.param.on == make::mysql ? "mysql_" : "mariadb_"} +
               tested.param.name.text();
    }
);

} // namespace
} // namespace outbox::mysql
