#pragma once
// Connector/C++ as a user without our classes has it.

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <mysql_driver.h>

#include <cstdint>
#include <memory>
#include <string>

namespace outbox::doors {

inline void run_mysql(sql::Connection& db, const std::string& sql) {
    const std::unique_ptr<sql::Statement> statement{db.createStatement()};
    statement->execute(sql);
}

inline std::unique_ptr<sql::Connection>
open_mysql(std::uint16_t port, const std::string& schema, bool reconnect = false) {
    sql::ConnectOptionsMap options;
    options["hostName"] = sql::SQLString{"tcp://127.0.0.1:" + std::to_string(port)};
    options["userName"] = sql::SQLString{"root"};
    options["schema"] = sql::SQLString{schema};
    options["OPT_RECONNECT"] = reconnect;
    return std::unique_ptr<sql::Connection>{sql::mysql::get_driver_instance()->connect(options)};
}

class connector_cpp_own {
public:
    explicit connector_cpp_own(sql::Connection& db) : db_(&db) { db.setAutoCommit(false); }
    connector_cpp_own(const connector_cpp_own&) = delete;
    connector_cpp_own& operator=(const connector_cpp_own&) = delete;
    ~connector_cpp_own() { end("rollback"); }

    sql::Connection& handle() const { return *db_; }
    void execute(const std::string& sql) { run_mysql(*db_, sql); }
    /// As text: the driver's own commit() does not tell when it fails.
    void commit() {
        execute("commit");
        end("commit");
    }
    void rollback() { end("rollback"); }

protected:
    /// For one whose connection stays as it is between its transactions.
    void keep_autocommit_off() noexcept { autocommit_afterwards_ = false; }

private:
    void end(const char* how) noexcept {
        try {
            if (db_->getAutoCommit())
                return;
            execute(how);
            db_->setAutoCommit(autocommit_afterwards_);
        } catch (const sql::SQLException&) { // then the connection is lost
        }
    }

    sql::Connection* db_;
    bool autocommit_afterwards_ = true;
};

} // namespace outbox::doors
