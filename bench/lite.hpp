#pragma once
// A session on a SQLite file with as little around it as can be: what an application that is
// careful has, so a write-ahead log, and each commit on the disk.

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox::bench {

class lite {
public:
    /// Creates the file when there is none. These all throw outbox::error with SQLite's words.
    explicit lite(const std::string& file);

    sqlite3* handle() const noexcept { return db_.get(); }
    /// One or more statements.
    void execute(const std::string& sql);
    /// The first column of the first row.
    long number(const std::string& sql);

    struct finalize {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };
    using statement = std::unique_ptr<sqlite3_stmt, finalize>;
    statement prepare(const std::string& sql);
    /// Runs what returns no rows, with these values, as often as wanted.
    void run(const statement& prepared, const std::vector<std::string>& values);

private:
    struct close {
        void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
    };
    [[noreturn]] void fail();

    std::unique_ptr<sqlite3, close> db_;
};

} // namespace outbox::bench
