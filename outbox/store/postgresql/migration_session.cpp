#include "outbox/store/postgresql/migration_session.hpp"

#include "outbox/store/postgresql/backlog.hpp"
#include "outbox/store/postgresql/database.hpp"
#include "outbox/store/postgresql/window.hpp"
#include "outbox/store/relay_store.hpp"
#include "outbox_postgresql_migrations.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace outbox::postgresql {
namespace {

using std::chrono::seconds;

constexpr statement find_schedule{
    "outbox_find_schedule",
    "select (to_regclass('outbox.scheduled') is not null)::int::bigint",
    "cannot read the schema"};

constexpr statement count_all_scheduled{
    "outbox_count_all_scheduled",
    "select count(*) from (select from outbox.scheduled limit $1::bigint) x",
    "cannot count the scheduled messages"};

constexpr statement all_shards{
    "outbox_all_shards",
    "select shard, cursor_window, cursor_seq, (select system_identifier from pg_control_system())"
    " from outbox.relay",
    "cannot read the relays' cursors"};

constexpr statement count_without_shard{
    "outbox_count_without_shard",
    "select count(*) from (select from outbox.message"
    " where shard not in (select shard from outbox.relay) limit $1::bigint) m",
    "cannot count the backlog"};

} // namespace

const migration_dialect& dialect() noexcept {
    static constexpr migration_dialect known{
        .kind = "postgresql",
        .versions = migrations,
        .version_table = "outbox.schema_version",
        .grants_sql = grants_sql,
    };
    return known;
}

migration_session::migration_session(
    std::string url,
    const outbox_name& name,
    std::chrono::milliseconds lock_wait
)
    : url_(std::move(url))
    , name_(name)
    , lock_wait_(lock_wait) {}

connection& migration_session::db() {
    // A version may take its time, but nobody queues behind it: it waits for a lock only shortly.
    if (!db_)
        db_.emplace(
            url_,
            timeouts{.statement = seconds{600}, .lock = lock_wait_, .answer = seconds{620}},
            std::string{},
            name_
        );
    return *db_;
}

std::vector<recorded_migration> migration_session::recorded() {
    std::vector<recorded_migration> found;
    const rows known = db().query(
        "select to_regclass('outbox.schema_version') is not null",
        "cannot read the schema"
    );
    if (known.bytes(0, 0) != "t")
        return found;
    const rows list = db().query(
        "select version, name, checksum from outbox.schema_version order by version",
        "cannot read outbox.schema_version"
    );
    for (int row = 0; row < list.count(); ++row)
        found.push_back({std::atoi(list.text(row, 0).c_str()), list.text(row, 1), list.text(row, 2)}
        );
    return found;
}

void migration_session::begin() {
    db().execute("begin", "cannot begin the migration");
    try {
        // Ends with the transaction.
        db().execute(
            "select pg_advisory_xact_lock(hashtextextended('outbox migrate', 0))",
            "cannot wait for another migration"
        );
    } catch (const sql_error& e) {
        roll_back();
        if (e.sqlstate() != "55P03")
            throw;
        throw error(
            error_kind::conflict,
            display_name(url_) + ": another migration is running and did not end within " +
                std::to_string(lock_wait_.count()) + " ms",
            "wait for it; pg_locks shows its session (locktype advisory)"
        );
    }
}

void migration_session::run(const std::string& sql, const std::string& failure) {
    db().execute(sql, failure.c_str());
}

void migration_session::commit() {
    db().execute("commit", "cannot commit the migration");
}

void migration_session::roll_back() noexcept {
    try {
        db().execute("rollback", "cannot roll the migration back");
    } catch (const error&) { // the connection is lost, and the transaction with it
    }
}

std::int64_t migration_session::undelivered() {
    db().execute(
        "lock table outbox.message in access exclusive mode",
        "cannot lock the table of messages"
    );
    const rows shards = db().run(all_shards);
    std::int64_t count =
        db().run(count_without_shard, parameters{}.add(store_status::backlog_counted_max))
            .number(0, 0);
    for (int row = 0; row < shards.count(); ++row) {
        // A cursor that came with a dump says nothing about the rows of this cluster.
        auto at = window::parse(shards.text(row, 1));
        if (!at || at->taken_by.system != static_cast<std::uint64_t>(shards.number(row, 3)))
            at = window{};
        count +=
            count_backlog(db(), static_cast<int>(shards.number(row, 0)), *at, shards.number(row, 2))
                .count;
    }
    if (db().run(find_schedule).number(0, 0) == 1) {
        db().execute(
            "lock table outbox.scheduled in access exclusive mode",
            "cannot lock the table of scheduled messages"
        );
        count += db().run(count_all_scheduled, parameters{}.add(store_status::backlog_counted_max))
                     .number(0, 0);
    }
    return std::min(count, store_status::backlog_counted_max);
}

} // namespace outbox::postgresql
