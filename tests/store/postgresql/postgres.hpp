#pragma once
// One PostgreSQL for the whole test program, and for each test a database of its own in it.

#include "harness/postgres_server.hpp"
#include "outbox/store/database.hpp"
#include "outbox/store/postgresql/connection.hpp"
#include "outbox/store/postgresql/database.hpp"
#include "outbox/store/postgresql/relay_store.hpp"

#include <memory>
#include <string>

namespace outbox::postgresql {

/// Tests that crash or stop a server start one of their own.
inline harness::postgres_server& shared_server() {
    static harness::postgres_server server{
        {.settings = {"fsync=off", "wal_writer_delay=10ms", "max_prepared_transactions=4"}}};
    return server;
}

/// A session in which a test says SQL, of the usual outbox even where it is about another. Answers
/// are text.
class sql_session {
public:
    explicit sql_session(const std::string& url, const outbox_name& name = {})
        : db_(url, {}, {}, name) {}

    void execute(const std::string& sql) { db_.execute(sql, "test"); }
    /// The first column of the first row; empty when there is none.
    std::string value(const std::string& sql) {
        const rows answer = db_.query(sql, "test");
        return answer.count() == 0 ? "" : answer.text(0, 0);
    }
    std::int64_t number(const std::string& sql) { return std::stoll(value(sql)); }
    void send(const std::string& payload, const std::string& key = "") {
        execute(
            "insert into outbox.message (message_id, subject, order_key, payload) values"
            " (gen_random_uuid(), 'orders.paid', '" +
            key + "', '" + payload + "')"
        );
    }

private:
    connection db_;
};

class test_database {
public:
    test_database() {
        static int count = 0;
        name_ = "test_" + std::to_string(++count);
        sql_session{shared_server().url()}.execute("create database " + name_);
    }
    ~test_database() {
        sql_session{shared_server().url()}.execute("drop database " + name_ + " with (force)");
    }

    std::string url() const { return shared_server().url(name_); }

private:
    std::string name_;
};

/// The same with the outbox in it.
class migrated_database : public test_database {
public:
    migrated_database() { open_database(url())->open_migrator()->up(); }

    std::unique_ptr<relay_store> open(const relay_store_options& options = {}) const {
        return std::make_unique<relay_store>(url(), options);
    }
};

} // namespace outbox::postgresql
