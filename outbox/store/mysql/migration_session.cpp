#include "outbox/store/mysql/migration_session.hpp"

#include "outbox/store/mysql/backlog.hpp"
#include "outbox/store/mysql/database.hpp"
#include "outbox_mysql_migrations.hpp"

#include <algorithm>

namespace outbox::mysql {
namespace {

using std::chrono::seconds;

// A lock's name has at most 64 characters. Two outboxes that share one only wait for each other.
constexpr const char* lock_name = "concat(left(database(), 20), '.', 'outbox_migrate')";

} // namespace

const migration_dialect& dialect() noexcept {
    static constexpr migration_dialect known{
        .kind = "mysql",
        .versions = migrations,
        .version_table = "outbox_schema_version",
        .make_version_table =
            "create table if not exists outbox_schema_version (version int not null primary key,"
            " name varchar(255) not null, checksum varchar(64) not null, applied_at timestamp not"
            " null default current_timestamp) engine = innodb;\n",
        .drop_version_table = "drop table outbox_schema_version;\n",
        .transactional = false,
        .grants_sql = grants_sql,
    };
    return known;
}

connection& migration_session::db() {
    // A version may take its time, but nobody queues behind it: it waits for a lock only shortly.
    const auto lock = std::chrono::ceil<seconds>(lock_wait_);
    if (!db_)
        db_.emplace(
            where_,
            timeouts{
                .statement = seconds{600},
                .lock = lock,
                .table_lock = lock,
                .answer = seconds{620}},
            name_
        );
    return *db_;
}

std::vector<recorded_migration> migration_session::recorded() {
    std::vector<recorded_migration> found;
    rows known = db().query(
        "select 1 from information_schema.tables where table_schema = database()"
        " and table_name = 'outbox_schema_version'",
        "cannot read the schema"
    );
    if (!known.next())
        return found;
    rows list = db().query(
        "select version, name, checksum from outbox_schema_version order by version",
        "cannot read outbox_schema_version"
    );
    while (list.next())
        found.push_back({static_cast<int>(list.number(0)), list.text(1), list.text(2)});
    return found;
}

void migration_session::begin() {
    rows lock = db().query(
        std::string{"select get_lock("} + lock_name + ", " + std::to_string(lock_wait_.count()) +
            " / 1000)",
        "cannot wait for another migration"
    );
    if (!lock.next() || lock.number(0) != 1)
        throw error(
            error_kind::conflict,
            where_.display_name() + ": another migration is running and did not end within " +
                std::to_string(lock_wait_.count()) + " ms",
            "wait for it; is_used_lock() names its session"
        );
}

void migration_session::run(const std::string& sql, const std::string& failure) {
    db().execute(sql, failure.c_str());
}

void migration_session::commit() {
    db().query(std::string{"do release_lock("} + lock_name + ")", "cannot end the migration");
}

void migration_session::roll_back() noexcept {
    try {
        commit();
    } catch (const error&) { // the connection is lost, and the lock with it
    }
}

std::int64_t migration_session::undelivered() {
    rows shards = db().query(
        "select shard, cursor_window, cursor_seq from outbox_relay",
        "cannot read the relays' cursors"
    );
    std::int64_t count = 0;
    while (shards.next())
        count += count_backlog(
                     db(),
                     static_cast<int>(shards.number(0)),
                     {.window = shards.text(1), .seq = shards.number(2)}
        )
                     .count;
    if (db().query(
                "select 1 from information_schema.tables"
                " where table_schema = database() and table_name = 'outbox_scheduled'",
                "cannot read the schema"
        )
            .count() == 1) {
        rows scheduled = db().query(
            "select count(*) from outbox_scheduled",
            "cannot count the scheduled messages"
        );
        if (scheduled.next())
            count += scheduled.number(0);
    }
    return std::min(count, store_status::backlog_counted_max);
}

} // namespace outbox::mysql
