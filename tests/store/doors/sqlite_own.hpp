#pragma once
// SQLite's own API as a user without our classes has it.

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace outbox::doors {

struct close_sqlite {
    void operator()(sqlite3* db) const noexcept { sqlite3_close(db); }
};
using sqlite_handle = std::unique_ptr<sqlite3, close_sqlite>;

inline void run_sqlite(sqlite3& db, const std::string& sql) {
    if (sqlite3_exec(&db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        throw std::runtime_error(sqlite3_errmsg(&db));
}

inline sqlite_handle open_sqlite(const std::string& path) {
    sqlite3* db = nullptr;
    if (sqlite3_open(path.c_str(), &db) != SQLITE_OK)
        throw std::runtime_error("cannot open " + path);
    sqlite_handle owner{db};
    sqlite3_busy_timeout(db, 5'000);
    run_sqlite(*db, "pragma foreign_keys = on");
    return owner;
}

class sqlite_own {
public:
    explicit sqlite_own(sqlite3& db) : db_(&db) { execute("begin"); }
    sqlite_own(const sqlite_own&) = delete;
    sqlite_own& operator=(const sqlite_own&) = delete;
    ~sqlite_own() {
        if (sqlite3_get_autocommit(db_) == 0)
            sqlite3_exec(db_, "rollback", nullptr, nullptr, nullptr);
    }
    sqlite3& handle() const { return *db_; }
    void execute(const std::string& sql) { run_sqlite(*db_, sql); }
    void commit() { execute("commit"); }
    void rollback() { execute("rollback"); }

private:
    sqlite3* db_;
};

} // namespace outbox::doors
