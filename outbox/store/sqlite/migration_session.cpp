#include "outbox/store/sqlite/migration_session.hpp"

#include "outbox/store/relay_store.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox_sqlite_migrations.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace outbox::sqlite {

const migration_dialect& dialect() noexcept {
    static constexpr migration_dialect known{
        .kind = "sqlite",
        .versions = migrations,
        .version_table = "outbox_schema_version",
        .make_version_table =
            "create table if not exists outbox_schema_version (version integer primary key, name "
            "text not null, checksum text not null, applied_at text not null default "
            "current_timestamp);\n",
        .drop_version_table = "drop table outbox_schema_version;\n",
        .grants_sql = grants_sql,
    };
    return known;
}

migration_session::migration_session(
    std::string path,
    const outbox_name& name,
    std::chrono::milliseconds lock_wait
)
    : path_(std::move(path))
    , name_(name)
    , lock_wait_(lock_wait) {}

void migration_session::connect(bool create) {
    if (db_)
        return;
    db_ = {open(path_, create), name_};
    sqlite3_busy_timeout(db_.get(), static_cast<int>(lock_wait_.count()));
}

bool migration_session::is_there() {
    return std::filesystem::exists(path_);
}

std::vector<recorded_migration> migration_session::recorded() {
    connect(false);
    std::vector<recorded_migration> found;
    statement known = db_.prepare(
        "select 1 from sqlite_schema where name = 'outbox_schema_version'",
        "cannot read the schema"
    );
    if (!known.step())
        return found;
    statement list = db_.prepare(
        "select version, name, checksum from outbox_schema_version order by version",
        "cannot read outbox_schema_version"
    );
    while (list.step())
        found.push_back({static_cast<int>(list.number(0)), list.blob(1), list.blob(2)});
    return found;
}

void migration_session::begin() {
    connect(true);
    // IMMEDIATE takes the write lock, so a second migrator waits here.
    db_.execute("begin immediate", "cannot begin the migration");
}

void migration_session::run(const std::string& sql, const std::string& failure) {
    db_.execute(sql, failure);
}

void migration_session::commit() {
    db_.execute("commit", "cannot commit the migration");
}

void migration_session::roll_back() noexcept {
    sqlite3_exec(db_.get(), "rollback", nullptr, nullptr, nullptr);
}

std::int64_t migration_session::undelivered() {
    statement count = db_.prepare(
        "select count(*) from (select 1 from outbox_message m where m.seq > coalesce((select "
        "r.cursor_seq from outbox_relay r where r.shard = m.shard), 0) limit ?1)",
        "cannot count the backlog"
    );
    count.bind(1, store_status::backlog_counted_max);
    count.step();
    statement find = db_.prepare(
        "select 1 from sqlite_schema where name = 'outbox_scheduled'",
        "cannot read the schema"
    );
    if (!find.step())
        return count.number(0);
    statement scheduled = db_.prepare(
        "select count(*) from (select 1 from outbox_scheduled limit ?1)",
        "cannot count the scheduled messages"
    );
    scheduled.bind(1, store_status::backlog_counted_max);
    scheduled.step();
    return std::min(count.number(0) + scheduled.number(0), store_status::backlog_counted_max);
}

} // namespace outbox::sqlite
