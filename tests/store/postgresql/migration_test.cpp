#include "harness/wait_until.hpp"
#include "outbox/store/postgresql/migration_session.hpp"
#include "tests/store/migration_exam.hpp"
#include "tests/store/postgresql/postgres.hpp"

#include <future>

namespace outbox {
namespace {

class postgresql_candidate {
public:
    static const migration_dialect& dialect() { return postgresql::dialect(); }
    static std::string message_table() { return "outbox.message"; }

    std::unique_ptr<database> open(const migration_dialect& known) {
        return postgresql::open_database(place_.url(), {}, known);
    }
    std::unique_ptr<migration_session> session(std::chrono::milliseconds lock_wait) {
        return std::make_unique<postgresql::migration_session>(
            place_.url(),
            outbox_name{},
            lock_wait
        );
    }
    void execute(const std::string& sql) { postgresql::sql_session{place_.url()}.execute(sql); }
    std::string shape() {
        return postgresql::sql_session{place_.url()}.value(
            "select string_agg(line, e'\\n' order by line) from ("
            " select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_'"
            " union all"
            " select c.oid::regclass || ' ' || relkind::text || ' ' || coalesce((select"
            "   string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by "
            "attnum)"
            "   from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped), '')"
            " from pg_class c join pg_namespace n on n.oid = relnamespace"
            " where nspname !~ '^pg_' and nspname <> 'information_schema') s (line)"
        );
    }

private:
    postgresql::test_database place_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(postgresql, migration_exam, postgresql_candidate);

} // namespace

namespace postgresql {
namespace {

TEST(postgresql_migration, a_message_that_commits_while_the_tables_go_is_counted) {
    const migrated_database place;
    sql_session writer{place.url()};
    writer.execute("begin");
    writer.send("late");
    auto waiting = std::async(std::launch::async, [&] {
        try {
            open_database(place.url())->open_migrator()->down(0);
            return std::string{"taken away"};
        } catch (const error& e) {
            return std::string{e.what()};
        }
    });
    sql_session observer{place.url()};
    harness::wait_until(
        [&] { return observer.number("select count(*) from pg_locks where not granted") > 0; },
        std::chrono::seconds{10},
        "the migrator to wait for the writer"
    );
    writer.execute("commit");
    EXPECT_NE(waiting.get().find("1 undelivered"), std::string::npos);
}

TEST(postgresql_migration, a_cursor_of_another_cluster_proves_no_delivery) {
    const migrated_database place;
    sql_session sql{place.url()};
    sql.send("1");
    sql.execute("update outbox.relay set cursor_window = '1/1/0 999999:999999:'");
    try {
        open_database(place.url())->open_migrator()->down(0);
        FAIL() << "taken away";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::conflict) << e.what();
    }
}

TEST(postgresql_migration, a_message_of_a_shard_that_nobody_serves_is_undelivered) {
    const migrated_database place;
    sql_session sql{place.url()};
    sql.execute("insert into outbox.message (shard, message_id, subject, payload)"
                " values (7, gen_random_uuid(), 'a', '')");
    EXPECT_THROW(open_database(place.url())->open_migrator()->down(0), error);
}

} // namespace
} // namespace postgresql
} // namespace outbox
