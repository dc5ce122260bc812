#include "outbox/store/postgresql/database.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/postgresql/connection.hpp"
#include "outbox/store/postgresql/put.hpp"
#include "outbox/store/postgresql/relay_store.hpp"
#include "outbox_postgresql_migrations.hpp"

#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

namespace outbox::postgresql {
namespace {

using std::chrono::seconds;

std::string quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text)
        result += c == '\'' ? "''" : std::string(1, c);
    return result + "'";
}

class pg_migrator final : public migrator {
public:
    // A version may take its time, but nobody queues behind it: it waits for a lock only shortly.
    explicit pg_migrator(const std::string& url)
        : db_(url, {.statement = seconds{600}, .lock = seconds{10}, .answer = seconds{620}}) {}

    std::vector<migration_state> status() override {
        std::vector<recorded_migration> recorded;
        const rows known = db_.query(
            "select to_regclass('outbox.schema_version') is not null",
            "cannot read the schema"
        );
        if (known.bytes(0, 0) == "t") {
            const rows list = db_.query(
                "select version, name, checksum from outbox.schema_version order by version",
                "cannot read outbox.schema_version"
            );
            for (int row = 0; row < list.count(); ++row)
                recorded.push_back(
                    {std::atoi(list.text(row, 0).c_str()), list.text(row, 1), list.text(row, 2)}
                );
        }
        return compare(migrations, recorded);
    }

    std::vector<migration_state> up() override {
        std::vector<migration_state> done;
        for (std::size_t i = 0; i < std::size(migrations); ++i) {
            db_.execute("begin", "cannot begin the migration");
            try {
                // A second migrator waits here and then finds nothing to do. Ends with the
                // transaction.
                db_.execute(
                    "select pg_advisory_xact_lock(hashtextextended('outbox migrate', 0))",
                    "another migration is running"
                );
                if (!status()[i].applied)
                    apply(migrations[i], done);
                db_.execute("commit", "cannot commit the migration");
            } catch (const error& e) {
                if (e.kind() != error_kind::unreachable)
                    db_.execute("rollback", "cannot roll the migration back");
                throw;
            }
        }
        return done;
    }

private:
    void apply(const migration& m, std::vector<migration_state>& done) {
        const std::string failure = "migration " + std::to_string(m.version) + " failed";
        db_.execute(std::string{m.up_sql}, failure.c_str());
        db_.execute(
            "insert into outbox.schema_version (version, name, checksum) values (" +
                std::to_string(m.version) + ", " + quoted(m.name) + ", " + quoted(checksum(m)) +
                ")",
            failure.c_str()
        );
        done.push_back({m.version, std::string{m.name}, true, false});
    }

    connection db_;
};

class pg_database final : public database {
public:
    explicit pg_database(std::string url)
        : url_(std::move(url))
        , display_name_(postgresql::display_name(url_)) {}

    std::string display_name() const override { return display_name_; }

    std::unique_ptr<outbox::relay_store> open_relay_store() override {
        require_current(pg_migrator{url_}.status());
        return std::make_unique<relay_store>(url_);
    }

    std::unique_ptr<migrator> open_migrator() override {
        return std::make_unique<pg_migrator>(url_);
    }

    void send(std::span<const envelope> rows) override {
        connection db{url_, {}};
        const std::string doorbell =
            db.query(put::ask_doorbell(), "cannot read the relay's doorbell").text(0, 0);
        db.execute("begin", "cannot send");
        db.execute(put::insert(rows), "cannot write the messages");
        db.execute("commit", "cannot commit the messages");
        ring_doorbell(doorbell);
    }

private:
    std::string url_;
    std::string display_name_;
};

} // namespace

std::unique_ptr<database> open_database(std::string_view url) {
    if (!url.starts_with("postgresql://") && !url.starts_with("postgres://"))
        return nullptr;
    return std::make_unique<pg_database>(std::string{url});
}

} // namespace outbox::postgresql
