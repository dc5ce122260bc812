#include "bench/workload.hpp"

namespace outbox::bench {

namespace {

const std::string& filler() {
    static const std::string text = [] {
        std::string made;
        for (unsigned state = 1; made.size() < payload_bytes - 13;
             state = state * 1'103'515'245U + 12'345U)
            made += "0123456789abcdef"[(state >> 16U) % 16];
        return made;
    }();
    return text;
}

} // namespace

std::string payload(long number) {
    auto digits = std::to_string(number);
    return std::string(12 - digits.size(), '0') + digits + ":" + filler();
}

std::string payload_sql() {
    return "lpad(i::text, 12, '0') || ':" + filler() + "'";
}

void make_accounts(pg& db) {
    db.execute(
        "create table if not exists account (id int primary key, balance bigint not null) with "
        "(fillfactor = 50);"
        "insert into account select i, 0 from generate_series(1, 1000) i on conflict do nothing;"
        "create table if not exists points (customer int primary key, points bigint not null) with "
        "(fillfactor = 50);"
        "insert into points select i, 0 from generate_series(1, 1000) i on conflict do nothing"
    );
    db.execute("vacuum analyze account");
    db.execute("vacuum analyze points");
}

std::string make_accounts_sql() {
    std::string text = "create table account (id int not null primary key, balance bigint not "
                       "null); insert into account values ";
    for (int id = 1; id <= 1'000; ++id)
        text += (id == 1 ? "(" : ",(") + std::to_string(id) + ",0)";
    return text + "; create table points (customer int not null primary key, points bigint not "
                  "null); insert into points select id, 0 from account";
}

void fill(pg& db, const std::string& statement_over_i, long count) {
    db.execute("set synchronous_commit = off");
    db.execute(
        "do $fill$ declare at bigint := 0; begin while at < " + std::to_string(count) + " loop " +
        statement_over_i + " from generate_series(at, least(at + " +
        std::to_string(messages_per_transaction) + ", " + std::to_string(count) +
        ") - 1) i; at := at + " + std::to_string(messages_per_transaction) +
        "; commit; end loop; end $fill$"
    );
    db.execute("set synchronous_commit = on");
}

std::vector<std::string> server_settings() {
    return {
        "shared_buffers=1GB",
        "max_wal_size=8GB",
        "min_wal_size=2GB",
        "checkpoint_timeout=30min",
        "max_connections=50",
        "fsync=on",
        "synchronous_commit=on",
        "full_page_writes=on",
    };
}

} // namespace outbox::bench
