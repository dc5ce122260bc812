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

/// The tables that the business transaction and the handler change.
void make_accounts(pg& db);
inline constexpr const char* business_sql =
    "update account set balance = balance + 1 where id = $1::int";
/// The same where a parameter is written otherwise.
inline std::string business_sql_with(const std::string& parameter) {
    return "update account set balance = balance + 1 where id = " + parameter;
}
/// What a handler does with a message that brings a customer 5 points, as
/// examples/13_points_service does it; on MariaDB in its own words.
inline std::string points_sql_with(const std::string& parameter) {
    return "insert into points (customer, points) values (" + parameter +
           ", 5) on conflict (customer) do update set points = points.points + excluded.points";
}
inline constexpr const char* mariadb_points_sql =
    "insert into points (customer, points) values (?, 5)"
    " on duplicate key update points = points + values(points)";
/// The tables as SQL for MariaDB and SQLite, in one text.
std::string make_accounts_sql();

/// Runs `insert_sql`, an INSERT … SELECT over generate_series(%1, %2) as i, in transactions of
/// messages_per_transaction until `count` rows are there.
void fill(pg& db, const std::string& statement_over_i, long count);

/// Settings of the private server: those of a machine of this size, durability as PostgreSQL has
/// it.
std::vector<std::string> server_settings();

} // namespace outbox::bench
