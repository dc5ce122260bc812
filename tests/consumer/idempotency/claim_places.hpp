#pragma once
// The places that take claim_store_exam.hpp: one server of each make for the whole test program.

#include "harness/redis_server.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"
#include "outbox/store/mysql/database.hpp"
#include "outbox/store/postgresql/database.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "tests/store/doors/raw_database.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace outbox {

/// A database of door_exam's, as a place for claims.
template <class Raw>
class claims_in_a_database {
public:
    static constexpr bool forgets_by_itself = false;

    std::unique_ptr<claim_store> open() { return open_through(0); }
    /// Through a proxy on this port; 0: straight.
    std::unique_ptr<claim_store> open_through(std::uint16_t port) {
        return database_at(port)->open_claim_store();
    }
    std::uint16_t server_port() const { return Raw::server().port(); }
    /// From now on what it has answered survives kill_server().
    void keep_commits() {
        if constexpr (!is_postgresql)
            raw_.run("set global innodb_flush_log_at_trx_commit = 2");
    }
    /// No session of it lives when this returns; the next start recovers.
    void kill_server() {
        if constexpr (is_postgresql)
            Raw::server().stop(harness::postgres_stop::immediate);
        else
            Raw::server().kill();
    }
    void start_server() { Raw::server().start(); }
    void lapse(const std::string& key) {
        raw_.run(
            "update " + raw_.table("claim") + " set lease_until = " + a_day_ago() + " where " +
            is(key) + " and lease_until is not null"
        );
    }
    void age(const std::string& key) {
        raw_.run(
            "update " + raw_.table("claim") + " set changed_at = " + raw_.ten_days_ago() +
            " where " + is(key)
        );
    }
    const Raw& raw() const { return raw_; }

private:
    static constexpr bool is_postgresql = std::same_as<Raw, doors::postgres_database>;
    static constexpr bool is_sqlite = std::same_as<Raw, doors::sqlite_database>;

    std::unique_ptr<database> database_at([[maybe_unused]] std::uint16_t port) {
        if constexpr (is_sqlite) {
            return sqlite::open_database("sqlite:" + raw_.path());
        } else {
            const std::string at = "127.0.0.1:";
            std::string url = Raw::server().url(raw_.name());
            const std::size_t digits = url.find(at) + at.size();
            if (port != 0)
                url.replace(digits, url.find('/', digits) - digits, std::to_string(port));
            if constexpr (is_postgresql)
                return postgresql::open_database(url);
            else
                return mysql::open_database(url);
        }
    }
    static std::string a_day_ago() {
        if constexpr (is_postgresql)
            return "now() - interval '1 day'";
        else if constexpr (is_sqlite)
            return "lease_until - 86400000000";
        else
            return "utc_timestamp(6) - interval 1 day";
    }
    static std::string is(const std::string& key) {
        return is_postgresql ? "message_key = decode('" + to_hex(key) + "', 'hex')"
                             : "message_key = x'" + to_hex(key) + "'";
    }

    Raw raw_;
};

inline harness::redis_server& shared_redis() {
    static harness::redis_server server{{.settings = {"appendfsync no"}}};
    return server;
}

inline const retention& a_long_time() {
    static const retention keep{std::chrono::hours{24}, redelivery_horizon{std::chrono::hours{1}}};
    return keep;
}

class claims_in_redis {
public:
    static constexpr bool forgets_by_itself = true;

    claims_in_redis() { shared_redis().run({"flushall"}); }

    std::unique_ptr<claim_store> open() { return open_through(0); }
    std::unique_ptr<claim_store> open_through(std::uint16_t port) {
        return open_redis_claims(
            connect_hiredis({.port = port == 0 ? server_port() : port}),
            a_long_time()
        );
    }
    std::uint16_t server_port() const { return shared_redis().port(); }
    void keep_commits() {}
    void kill_server() { shared_redis().kill(); }
    void start_server() { shared_redis().start(); }
    // What has expired is not there.
    void lapse(const std::string& key) {
        const std::string name = "outbox:claim:billing:" + key;
        const redis_command run = connect_hiredis({.port = server_port()});
        const std::vector<bytes_view> get{"get", name};
        if (!run(get).text.starts_with("d"))
            run(std::vector<bytes_view>{"del", name});
    }
    void age(const std::string&) {}
};

} // namespace outbox
