#pragma once
// The C API of MariaDB and MySQL as a user without our classes has it.

#include <mysql.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace outbox::doors {

struct close_mysql {
    void operator()(MYSQL* db) const noexcept { mysql_close(db); }
};
using mysql_handle = std::unique_ptr<MYSQL, close_mysql>;

inline void run_text(MYSQL& db, const std::string& sql) {
    if (mysql_real_query(&db, sql.data(), sql.size()) != 0)
        throw std::runtime_error(mysql_error(&db));
}

inline mysql_handle
connect_mysql(std::uint16_t port, const std::string& database, unsigned long flags = 0) {
    mysql_handle db{mysql_init(nullptr)};
    const unsigned protocol = MYSQL_PROTOCOL_TCP;
    mysql_options(db.get(), MYSQL_OPT_PROTOCOL, &protocol);
    const char* name = database.c_str();
    if (mysql_real_connect(db.get(), "127.0.0.1", "root", "", name, port, nullptr, flags) ==
        nullptr)
        throw std::runtime_error(mysql_error(db.get()));
    return db;
}

class mysql_own {
public:
    explicit mysql_own(MYSQL& db) : db_(&db) { execute("start transaction"); }
    mysql_own(const mysql_own&) = delete;
    mysql_own& operator=(const mysql_own&) = delete;
    ~mysql_own() { mysql_rollback(db_); }

    MYSQL& handle() const { return *db_; }
    void execute(const std::string& sql) { run_text(*db_, sql); }
    void commit() { execute("commit"); }
    void rollback() { execute("rollback"); }

private:
    MYSQL* db_;
};

} // namespace outbox::doors
