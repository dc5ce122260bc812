// Each of the five roles does its work, and is refused everything else.
#include "outbox/message/message_id.hpp"
#include "outbox/store/postgresql/applied_sql.hpp"
#include "outbox/store/postgresql/consumed_sql.hpp"
#include "outbox/store/postgresql/migration_session.hpp"
#include "tests/store/claim_steps.hpp"
#include "tests/store/postgresql/postgres.hpp"
#include "tests/store/relay_store_exam.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace outbox::postgresql {
namespace {

/// For the usual outbox, and for another that stands beside it.
class postgresql_grants : public testing::TestWithParam<outbox_name> {
protected:
    postgresql_grants() {
        open(place_.url())->open_migrator()->up();
        owner_.execute("create table if not exists public.orders (id int, state text)");
        owner_.execute(std::string{dialect().grants_sql});
        for (const std::string role : {"producer", "consumer", "watchdog", "viewer", "migrator"}) {
            const std::string user = user_of(role);
            owner_.execute(
                "do $$ begin if not exists (select from pg_roles where rolname = '" + user +
                "') then create role " + user + " login in role " + name_.text() + "_" + role +
                "; end if; end $$"
            );
        }
    }

    std::string user_of(const std::string& role) const { return "a_" + name_.text() + "_" + role; }
    std::string url_of(const std::string& role) const {
        std::string url = place_.url();
        return url.replace(url.find("postgres@"), 8, user_of(role));
    }
    std::unique_ptr<database> open(const std::string& url) const {
        return open_database(url, name_);
    }
    sql_session session(const std::string& role) const { return sql_session{url_of(role), name_}; }

    /// None of `statements` may `user` run, and each for want of a privilege, not for a mistake.
    void expect_refused(const std::string& user, const std::vector<std::string>& statements) {
        for (const std::string& sql : statements) {
            // It runs for who may, or the refusal would prove nothing.
            EXPECT_NO_THROW(owner_.execute("begin; " + sql + "; rollback")) << sql;
            try {
                connection{url_of(user), {}, {}, name_}.execute(
                    "begin; " + sql + "; rollback",
                    "test"
                );
                ADD_FAILURE() << user << " may: " << sql;
            } catch (const sql_error& e) {
                EXPECT_EQ(e.sqlstate(), "42501") << user << ": " << sql << ": " << e.what();
            }
        }
    }

    outbox_name name_ = GetParam();
    migrated_database place_;
    sql_session owner_{place_.url(), name_};
};

const std::string good_message =
    "insert into outbox.message (message_id, subject, payload) values (gen_random_uuid(), 'a', '')";

TEST_P(postgresql_grants, a_producer_sends_and_does_nothing_else) {
    std::vector<envelope> rows{make_envelope("1"), make_envelope("2", bytes{"key"})};
    open(url_of("producer"))->send(rows);
    session("producer").execute(good_message);
    session("producer").execute("select outbox.outbox_send('a', 'x')");
    EXPECT_EQ(owner_.number("select count(*) from outbox.message"), 4);
    expect_refused(
        "producer",
        {
            "select seq from outbox.message",
            "select payload from outbox.message_0",
            "select from outbox.message_overview",
            good_message + " returning seq",
            "update outbox.message set payload = ''",
            "delete from outbox.message",
            "truncate outbox.message_0",
            "insert into outbox.message_0 (message_id, subject, payload, seq) values"
            " (gen_random_uuid(), 'a', '', 1)",
            "insert into outbox.message (message_id, subject, payload, xid) values"
            " (gen_random_uuid(), 'a', '', '1')",
            "insert into outbox.message (message_id, subject, payload, seq) values"
            " (gen_random_uuid(), 'a', '', 1)",
            "insert into outbox.message (message_id, subject, payload, created_at) values"
            " (gen_random_uuid(), 'a', '', 'epoch')",
            "select setval('outbox.message_seq', 1)",
            "select owner from outbox.relay",
            "update outbox.relay set cursor_seq = 0",
            "select from outbox.schema_version",
            "insert into outbox.schema_version (version, name, checksum) values (9, 'x', 'x')",
            "create table outbox.mine (x int)",
            "lock table outbox.message in access exclusive mode",
            "drop table outbox.message cascade",
            "drop schema outbox cascade",
        }
    );
}

TEST_P(postgresql_grants, a_consumer_notes_what_it_has_done_and_does_nothing_else) {
    take_every_step(*open(url_of("consumer"))->open_claim_store());
    const std::vector<bytes> keys{"1"};
    sql_session mine = session("consumer");
    const auto note = [&] {
        mine.execute("begin");
        const std::string fresh =
            mine.value(consumed_sql::note({}, {.group = "billing", .keys = keys}));
        mine.execute("commit");
        return fresh;
    };
    EXPECT_EQ(note(), "31");
    EXPECT_EQ(note(), "");
    mine.execute(consumed_sql::forget({}, 1h, 10));
    mine.execute("begin");
    applied_question about{.group = "billing", .source = "a", .numbers = "1", .rows_max = 10};
    for (const auto what :
         {applied_question::create,
          applied_question::lock,
          applied_question::write,
          applied_question::forget}) {
        about.what = what;
        mine.execute(applied_sql::texts({}, about).at(0));
    }
    mine.execute("commit");
    expect_refused(
        "consumer",
        {
            "update outbox.applied set source = 'b'",
            "insert into outbox.consumed (group_name, message_key, consumed_at) values"
            " ('billing', '2', 'epoch')",
            "update outbox.consumed set group_name = 'shipping'",
            "update outbox.claim set message_key = '2'",
            good_message,
            "select payload from outbox.message",
            "select owner from outbox.relay",
            "delete from outbox.schema_version",
            "select id from public.orders",
        }
    );
}

TEST_P(postgresql_grants, a_watchdog_relays_and_does_nothing_else) {
    owner_.execute(good_message);
    // As if it had come with a dump: to be taken over.
    owner_.execute("update outbox.message set xid = '99999999'");
    const auto checked = open(url_of("watchdog"))->open_relay_store();
    EXPECT_EQ(checked->status(0).backlog, 1);
    relay_store relay{url_of("watchdog"), {.name = name_, .ring = {.live_bytes_max = 1}}};
    const lease mine = relay.acquire(0, "relay", 60s, "udp:127.0.0.1:1").granted.value();
    EXPECT_EQ(relay.renew(0, mine.epoch, 60s), write_result::done);
    cursor at = mine.from;
    EXPECT_EQ(read_all(relay, at).size(), 1U);
    for (int i = 0; i < 20; ++i)
        owner_.execute(good_message);
    EXPECT_EQ(read_all(relay, at, {.message_count_max = 3}).size(), 20U) << "a listed window";
    EXPECT_EQ(relay.advance(0, mine.epoch, at), write_result::done);
    relay.remove_delivered(0, mine.epoch);
    EXPECT_EQ(owner_.number("select count(*) from outbox.message"), 0);
    owner_.execute("select outbox.outbox_send('a', '', deliver_at => now())");
    EXPECT_EQ(relay.release_due(0, mine.epoch, 10).released, 1U);
    EXPECT_EQ(relay.status(0).backlog, 1);
    ASSERT_EQ(relay.intents()->claim(0, mine.epoch, "a").next_place, 1);
    EXPECT_EQ(relay.intents()->bind(0, {.place = 1, .source = "a"}), write_result::done);
    EXPECT_EQ(relay.intents()->load(0).size(), 1U);
    EXPECT_EQ(
        relay.intents()->advance_and_forget(0, mine.epoch, at, std::array{std::int64_t{1}}),
        write_result::done
    );
    relay.release(0, mine.epoch);
    relay.forget_applied(1h, 10);
    expect_refused(
        "watchdog",
        {
            "insert into outbox.consumed (group_name, message_key) values ('billing', '1')",
            "select token from outbox.claim",
            "update outbox.claim set lease_until = null",
            "update outbox.applied set numbers = ''",
            "update outbox.intent set first_number = 1",
            "truncate outbox.intent",
            "delete from outbox.numbering",
            "update outbox.scheduled set payload = ''",
            "insert into outbox.message_0 (message_id, subject, payload, seq) values"
            " (gen_random_uuid(), 'a', '', 1)",
            "update outbox.message set payload = ''",
            "update outbox.message set seq = seq",
            "delete from outbox.message",
            "truncate outbox.message",
            "truncate outbox.relay",
            "update outbox.relay set shard = shard",
            "insert into outbox.relay (shard) values (1)",
            "delete from outbox.relay",
            "update outbox.schema_version set checksum = ''",
            "create table outbox.mine (x int)",
            "alter table outbox.message_0 set (autovacuum_enabled = on)",
            "drop table outbox.message_0",
            "drop schema outbox cascade",
            "select from public.orders",
        }
    );
}

TEST_P(postgresql_grants, a_viewer_sees_what_is_waiting_and_not_what_it_says) {
    owner_.execute(good_message);
    sql_session viewer{url_of("viewer"), name_};
    EXPECT_EQ(viewer.value("select subject from outbox.message_overview"), "a");
    EXPECT_EQ(open(url_of("viewer"))->open_relay_store()->status(0).backlog, 1);
    const message_search searched = open(url_of("viewer"))->find(message_id_generator{}.next(), 10);
    EXPECT_TRUE(searched.complete);
    EXPECT_TRUE(searched.noted) << "may see what groups have noted";
    // Grants of an earlier version: the rest is told all the same.
    owner_.execute("revoke select (message_key) on outbox.claim from outbox_viewer");
    EXPECT_FALSE(open(url_of("viewer"))->find(message_id_generator{}.next(), 10).noted);
    EXPECT_NO_THROW(require_current(open(url_of("viewer"))->open_migrator()->status()));
    expect_refused(
        "viewer",
        {
            "select token from outbox.claim",
            "select payload from outbox.message",
            "select headers from outbox.message",
            "select * from outbox.message",
            "select payload from outbox.message_0",
            "select m from outbox.message m",
            good_message,
            "update outbox.message set payload = ''",
            "delete from outbox.message",
            "truncate outbox.message_0",
            "lock table outbox.message in row exclusive mode",
            "select nextval('outbox.message_seq')",
            "update outbox.relay set owner = ''",
            "update outbox.schema_version set checksum = ''",
            "create table outbox.mine (x int)",
            "drop view outbox.message_overview",
            "drop schema outbox cascade",
            "select from public.orders",
        }
    );
}

TEST_P(postgresql_grants, a_migrator_makes_and_removes_the_tables_and_nothing_else) {
    const auto migrator = open(url_of("migrator"))->open_migrator();
    const auto versions = migrator->status().size();
    EXPECT_EQ(migrator->down(0).size(), versions);
    EXPECT_EQ(migrator->up().size(), versions);
    EXPECT_NO_THROW(require_current(migrator->status()));
    // What it has made belongs to it alone until the roles are given their rights again.
    owner_.execute(std::string{dialect().grants_sql});
    session("producer").execute(good_message);
    EXPECT_EQ(
        owner_.value("select count(*) from (select relowner from pg_class where relnamespace ="
                     " 'outbox'::regnamespace union all select proowner from pg_proc where"
                     " pronamespace = 'outbox'::regnamespace) o (owner)"
                     " where owner <> 'outbox_migrator'::regrole"),
        "0"
    );
    expect_refused(
        "migrator",
        {
            "select from public.orders",
            "drop table public.orders",
            "create role somebody",
            "grant outbox_migrator to a_outbox_viewer",
            "alter role a_outbox_migrator superuser",
            "select pg_read_file('PG_VERSION')",
        }
    );
}

TEST_P(postgresql_grants, somebody_without_a_role_gets_nothing) {
    owner_.execute(
        "do $$ begin if not exists (select from pg_roles where rolname = '" + user_of("stranger") +
        "')"
        " then create role " +
        user_of("stranger") + " login; end if; end $$"
    );
    expect_refused(
        "stranger",
        {
            good_message,
            "select from outbox.message",
            "select from outbox.message_overview",
            "select from outbox.relay",
            "select from outbox.schema_version",
        }
    );
}

TEST_P(postgresql_grants, a_role_of_one_outbox_has_no_right_in_another) {
    if (name_.is_usual())
        return; // seen from the other
    for (const std::string role : {"producer", "watchdog", "viewer", "migrator"}) {
        for (const std::string& sql : {good_message, std::string{"select seq from outbox.message"}})
            try {
                sql_session{url_of(role)}.execute(sql);
                ADD_FAILURE() << role << " may: " << sql;
            } catch (const sql_error& e) {
                EXPECT_EQ(e.sqlstate(), "42501") << e.what();
            }
    }
}

INSTANTIATE_TEST_SUITE_P(
    each,
    postgresql_grants,
    testing::Values(outbox_name{}, outbox_name{"billing"}),
    [](const auto& tested) { return tested.param.text(); }
);

} // namespace
} // namespace outbox::postgresql
