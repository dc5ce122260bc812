#pragma once
// One MariaDB and one MySQL for the whole test program, and for each test a database of its own.

#include "harness/mariadb_server.hpp"
#include "harness/mysql_server.hpp"
#include "outbox/store/database.hpp"
#include "outbox/store/mysql/connection.hpp"
#include "outbox/store/mysql/database.hpp"
#include "outbox/store/mysql/relay_store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace outbox::mysql {

/// A server as these tests need it, of either make. Tests that crash one or want settings of their
/// own start one for themselves.
struct any_server {
    std::function<std::string(const std::string&)> url;
    std::function<std::string(const std::string&, const std::string&)> sql;
    std::uint16_t port = 0;

    template <class Server>
    static any_server from(Server& server) {
        return {
            .url = [&server](const std::string& database) { return server.url(database); },
            .sql =
                [&server](const std::string& sql, const std::string& database) {
                    return server.sql(sql, database);
                },
            .port = server.port()};
    }
};

enum class make { mariadb, mysql };

inline any_server shared_server(make which = make::mariadb) {
    if (which == make::mysql) {
        static harness::mysql_server server;
        return any_server::from(server);
    }
    static harness::mariadb_server server;
    return any_server::from(server);
}

/// A session in which a test says SQL, of the usual outbox even where it is about another.
class sql_session {
public:
    explicit sql_session(const std::string& url, const outbox_name& name = {})
        : db_(parse_url(url), {}, name) {}

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
    explicit test_database(any_server server = shared_server()) : server_(std::move(server)) {
        static int count = 0;
        name_ = "test_" + std::to_string(++count);
        server_.sql("create database " + name_, "");
    }
    ~test_database() { server_.sql("drop database " + name_, ""); }
    test_database(const test_database&) = delete;
    test_database& operator=(const test_database&) = delete;

    std::string name() const { return name_; }
    std::string url() const { return server_.url(name_); }
    std::uint16_t port() const { return server_.port; }
    std::string sql(const std::string& text) const { return server_.sql(text, name_); }

private:
    any_server server_;
    std::string name_;
};

/// The same with the outbox in it.
class migrated_database : public test_database {
public:
    explicit migrated_database(any_server server = shared_server())
        : test_database(std::move(server)) {
        open_database(url())->open_migrator()->up();
    }
};

} // namespace outbox::mysql
