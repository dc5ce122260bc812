#pragma once
// Applies the versions of the outbox tables and takes them back. One class for all databases; what
// differs is data (migration_dialect) and one open connection (migration_session).

#include "outbox/store/migration.hpp"
#include "outbox/store/outbox_name.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace outbox {

/// One connection, as migrating needs it; implemented for each database. Connects when it is first
/// used. What it is told to run is said of the usual outbox, and it puts the name of its own in.
/// Every function but roll_back() throws outbox::error; `conflict` means that somebody was
/// faster.
class migration_session {
public:
    virtual ~migration_session() = default;

    /// False: the database itself is not there yet, and begin() makes it (a file of SQLite).
    virtual bool is_there() { return true; }
    /// The list of applied versions, in order; empty when there is no such table.
    virtual std::vector<recorded_migration> recorded() = 0;

    /// Begins a turn: until commit() or roll_back() no other migrator acts on this database. Waits
    /// a bounded time for its turn, then throws conflict. Opens a transaction where the dialect is
    /// transactional.
    virtual void begin() = 0;
    /// One of the texts of up_steps() or down_steps(). `failure` says what could not be done.
    virtual void run(const std::string& sql, const std::string& failure) = 0;
    virtual void commit() = 0;
    /// What cannot be taken back (no transaction) stays, recorded as unfinished.
    virtual void roll_back() noexcept = 0;

    /// Messages that are committed and not delivered, counted to
    /// store_status::backlog_counted_max. Called in a turn; where the database can, none is added
    /// from here to the turn's end.
    virtual std::int64_t undelivered() = 0;
};

enum class if_undelivered {
    refuse,
    /// They go with the tables.
    lose_them,
};

/// One thread. Holds its connection as long as it lives.
class migrator {
public:
    /// `session` is one on the outbox called `name`.
    migrator(
        const migration_dialect& known,
        std::unique_ptr<migration_session> session,
        const outbox_name& name = {}
    )
        : known_(known)
        , session_(std::move(session))
        , name_(name) {}

    /// Every version that this build or the database knows, in order.
    std::vector<migration_state> status();

    /// Applies what is missing, each version in a turn of its own. Returns what was applied. Throws
    /// schema_mismatch when the database has a version that is unfinished, edited or newer.
    std::vector<migration_state> up();

    /// Takes back every version above `target`, the newest first; 0 removes everything. Returns
    /// what was taken back. Throws conflict when messages would be lost, schema_mismatch as up()
    /// does, invalid_argument when there is no such version.
    std::vector<migration_state> down(int target, if_undelivered fate = if_undelivered::refuse);

    /// The SQL that up() would run now. Changes nothing.
    std::string up_sql();
    /// The SQL that down(target) would run now. Changes nothing.
    std::string down_sql(int target);

private:
    std::vector<const migration*> missing();
    std::vector<const migration*> applied_above(int target);

    const migration_dialect& known_;
    std::unique_ptr<migration_session> session_;
    outbox_name name_;
};

} // namespace outbox
