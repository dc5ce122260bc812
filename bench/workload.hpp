#pragma once
// What every contestant is given: the same messages, the same business transaction, the same
// server.

#include "bench/pg.hpp"

#include <cstddef>
#include <string>

namespace outbox::bench {

inline constexpr std::size_t payload_bytes = 200;
/// Prefilled messages are committed this many at a time, as a busy application would: not one giant
/// transaction.
inline constexpr int messages_per_transaction = 100;
inline constexpr int key_count = 1'000;

/// payload_bytes characters that hold `number`.
std::string payload(long number);
/// The same as an SQL expression over the integer `i`.
std::string payload_sql();

/// The table that the business transaction changes.
void make_accounts(pg& db);
inline constexpr const char* business_sql =
    "update account set balance = balance + 1 where id = $1::int";
/// The same where a parameter is written otherwise.
inline std::string business_sql_with(const std::string& parameter) {
    return "update account set balance = balance + 1 where id = " + parameter;
}
/// The table as SQL for MariaDB and SQLite, in one text.
std::string make_accounts_sql();

/// Runs `insert_sql`, an INSERT … SELECT over generate_series(%1, %2) as i, in transactions of
/// messages_per_transaction until `count` rows are there.
void fill(pg& db, const std::string& statement_over_i, long count);

/// Settings of the private server: those of a machine of this size, durability as PostgreSQL has
/// it.
std::vector<std::string> server_settings();

} // namespace outbox::bench
