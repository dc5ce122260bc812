#pragma once
// One MariaDB for the whole test program, and for each test a database of its own in it.

#include "harness/mariadb_server.hpp"
#include "outbox/store/database.hpp"
#include "outbox/store/mysql/connection.hpp"
#include "outbox/store/mysql/database.hpp"
#include "outbox/store/mysql/relay_store.hpp"

#include <memory>
#include <string>

namespace outbox::mysql {

/// Tests that crash a server or want settings of their own start one for themselves.
inline harness::mariadb_server& shared_server() {
    static harness::mariadb_server server;
    return server;
}

/// A session in which a test says SQL.
class sql_session {
public:
    explicit sql_session(const std::string& url) : db_(parse_url(url), {}) {}

    void execute(const std::string& sql) { db_.execute(sql, "test"); }
    /// The first column of the first row; empty when there is none.
    std::string value(const std::string& sql) {
        rows answer = db_.query(sql, "test");
        return answer.next() ? answer.text(0) : "";
    }
    std::int64_t number(const std::string& sql) { return std::stoll(value(sql)); }
    void send(const std::string& payload, const std::string& key = "") {
        execute(
            "insert into outbox_message (message_id, subject, order_key, headers, payload) values"
            " (unhex(replace(uuid(), '-', '')), 'orders.paid', '" +
            key + "', '', '" + payload + "')"
        );
    }

private:
    connection db_;
};

class test_database {
public:
    explicit test_database(const harness::mariadb_server& server = shared_server())
        : server_(&server) {
        static int count = 0;
        name_ = "test_" + std::to_string(++count);
        server_->sql("create database " + name_);
    }
    ~test_database() { server_->sql("drop database " + name_); }

    const harness::mariadb_server& server() const { return *server_; }
    std::string name() const { return name_; }
    std::string url() const { return server_->url(name_); }

private:
    const harness::mariadb_server* server_;
    std::string name_;
};

/// The same with the outbox in it.
class migrated_database : public test_database {
public:
    explicit migrated_database(const harness::mariadb_server& server = shared_server())
        : test_database(server) {
        open_database(url())->open_migrator()->up();
    }
};

} // namespace outbox::mysql
