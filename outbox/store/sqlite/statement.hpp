#pragma once
// SQLite's C API with owners for its handles and our errors for its codes. Internal to this folder.

#include "outbox/base/bytes.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/outbox_name.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace outbox::sqlite {

struct close_connection {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
};
using connection = std::unique_ptr<sqlite3, close_connection>;

/// True for the codes that say "somebody else is writing".
bool is_busy(int code) noexcept;

/// The error for `code`, with SQLite's own words. `doing` says what failed, such as "cannot read
/// the outbox".
error make_error(sqlite3* db, int code, const std::string& doing);

/// Opens `path`, which must exist unless `create`. Throws outbox::error (unreachable).
connection open(const std::string& path, bool create);

/// Runs SQL text that may hold several statements and returns no rows. Throws.
void execute(sqlite3* db, const char* sql, const std::string& doing);

class statement {
public:
    /// `sql` as it is.
    statement(sqlite3* db, const char* sql, const std::string& doing);

    statement& bind(int at, std::int64_t value);
    statement& bind_text(int at, const std::string& value);
    statement& bind_blob(int at, bytes_view value);
    statement& bind_null(int at);

    /// True: a row is there. Throws on any error.
    bool step();
    /// As step(), but gives SQLite's code, for a caller who expects to be busy.
    int try_step() noexcept;
    /// Makes it ready to be bound and run again.
    void reset() noexcept;

    bool is_null(int column) noexcept;
    std::int64_t number(int column) noexcept;
    /// Text or blob, as it is.
    bytes blob(int column);

private:
    struct finalize {
        void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
    };
    void check(int code);

    sqlite3* db_;
    std::string doing_;
    std::unique_ptr<sqlite3_stmt, finalize> handle_;
};

/// A connection that speaks for one outbox of its file: what it is told to run is said of the usual
/// outbox, and it puts the name of its own in (outbox_name::in).
class outbox_connection {
public:
    outbox_connection() = default;
    outbox_connection(connection db, const outbox_name& name) : db_(std::move(db)), name_(name) {}

    sqlite3* get() const noexcept { return db_.get(); }
    explicit operator bool() const noexcept { return db_ != nullptr; }
    const outbox_name& name() const noexcept { return name_; }

    statement prepare(const char* sql, const std::string& doing) const {
        return {db_.get(), name_.in(sql).c_str(), name_.in(doing)};
    }
    void execute(const std::string& sql, const std::string& doing) const {
        sqlite::execute(db_.get(), name_.in(sql).c_str(), doing);
    }

private:
    connection db_{};
    outbox_name name_{};
};

/// Runs `work` in a transaction that has the write lock from its beginning. False, and nothing is
/// done: somebody else is writing. Rolls back and lets through whatever `work` throws.
template <class Work>
bool in_write_transaction(sqlite3* db, const std::string& doing, const Work& work) {
    statement begin{db, "begin immediate", doing};
    if (const int code = begin.try_step(); is_busy(code))
        return false;
    else if (code != SQLITE_DONE)
        throw make_error(db, code, doing);
    try {
        work();
        execute(db, "commit", doing);
    } catch (...) {
        sqlite3_exec(db, "rollback", nullptr, nullptr, nullptr);
        throw;
    }
    return true;
}

} // namespace outbox::sqlite
