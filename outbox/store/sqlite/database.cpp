#include "outbox/store/sqlite/database.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/sqlite/relay_store.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/store/sqlite/statement.hpp"
#include "outbox_sqlite_migrations.hpp"

#include <string>
#include <utility>

namespace outbox::sqlite {
namespace {

constexpr int busy_timeout_ms = 5'000;

class sqlite_migrator final : public migrator {
public:
    explicit sqlite_migrator(std::string path) : path_(std::move(path)) {}

    std::vector<migration_state> status() override {
        connect(false);
        std::vector<recorded_migration> recorded;
        statement known{
            db_.get(),
            "select 1 from sqlite_schema where name = 'outbox_schema_version'",
            "cannot read the schema"};
        if (known.step()) {
            statement list{
                db_.get(),
                "select version, name, checksum from outbox_schema_version order by version",
                "cannot read outbox_schema_version"};
            while (list.step())
                recorded.push_back({static_cast<int>(list.number(0)), list.blob(1), list.blob(2)});
        }
        return compare(migrations, recorded);
    }

    std::vector<migration_state> up() override {
        std::vector<migration_state> done;
        connect(true);
        // IMMEDIATE takes the write lock, so a second migrator waits here and then finds nothing to
        // do.
        execute(db_.get(), "begin immediate", "cannot begin the migration");
        try {
            execute(
                db_.get(),
                "create table if not exists outbox_schema_version (version integer primary key, "
                "name text not null,"
                " checksum text not null, applied_at text not null default current_timestamp)",
                "cannot create outbox_schema_version"
            );
            const auto states = status();
            for (std::size_t i = 0; i < std::size(migrations); ++i) {
                if (states[i].applied)
                    continue;
                const migration& m = migrations[i];
                execute(
                    db_.get(),
                    std::string{m.up_sql}.c_str(),
                    "migration " + std::to_string(m.version) + " failed"
                );
                statement record{
                    db_.get(),
                    "insert into outbox_schema_version (version, name, checksum) values (?1, ?2, "
                    "?3)",
                    "cannot record the migration"};
                record.bind(1, m.version)
                    .bind_text(2, std::string{m.name})
                    .bind_text(3, checksum(m))
                    .step();
                done.push_back({m.version, std::string{m.name}, true, false});
            }
            execute(db_.get(), "commit", "cannot commit the migration");
        } catch (...) {
            sqlite3_exec(db_.get(), "rollback", nullptr, nullptr, nullptr);
            throw;
        }
        return done;
    }

private:
    void connect(bool create) {
        if (db_)
            return;
        db_ = open(path_, create);
        sqlite3_busy_timeout(db_.get(), busy_timeout_ms);
    }

    std::string path_;
    connection db_;
};

class sqlite_database final : public database {
public:
    explicit sqlite_database(std::string path) : path_(std::move(path)) {}

    std::string display_name() const override { return "sqlite:" + path_; }

    std::unique_ptr<outbox::relay_store> open_relay_store() override {
        require_current(sqlite_migrator{path_}.status());
        return std::make_unique<relay_store>(path_);
    }

    std::unique_ptr<migrator> open_migrator() override {
        return std::make_unique<sqlite_migrator>(path_);
    }

    void send(std::span<const envelope> rows) override {
        const connection db = open(path_, false);
        sqlite3_busy_timeout(db.get(), busy_timeout_ms);
        pending_messages pending{.rows = {rows.begin(), rows.end()}, .poisoned_by = {}};
        sqlite_transaction tx{*db, pending};
        tx.commit();
        ring_doorbell(tx.doorbell());
    }

private:
    std::string path_;
};

} // namespace

std::unique_ptr<database> open_database(std::string_view url) {
    constexpr std::string_view scheme = "sqlite:";
    if (!url.starts_with(scheme))
        return nullptr;
    std::string path{url.substr(scheme.size())};
    if (path.empty())
        throw error(
            error_kind::invalid_argument,
            "the URL \"sqlite:\" names no file",
            "write sqlite:PATH"
        );
    return std::make_unique<sqlite_database>(std::move(path));
}

} // namespace outbox::sqlite
