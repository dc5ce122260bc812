#pragma once
// The SQL that writes messages into SQLite, for a client that takes it as text. Everything is a
// hexadecimal literal, so that no byte of a message can change what the SQL means. `to` is the
// outbox that it is for.

#include "outbox/message/envelope.hpp"
#include "outbox/store/outbox_name.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace outbox::sqlite::put {

/// Below SQLITE_MAX_SQL_LENGTH as old versions have it, 1,000,000.
inline constexpr std::size_t statement_bytes_max = 900'000;

/// "insert into outbox_message …" for all `rows`, in order: one statement, and more only when it
/// would be longer than `bytes_max`. A single row is one statement however long it is.
std::vector<std::string> insert(
    const outbox_name& to,
    std::span<const envelope> rows,
    std::size_t bytes_max = statement_bytes_max
);

/// Take a scheduled message back, or put `row` in its place (with its own time, if it has one). The
/// last statement answers with one row of two texts: "1" when it was there, else "0"; and nothing.
std::vector<std::string> cancel(const outbox_name& to, const message_id& id);
std::vector<std::string> replace(const outbox_name& to, const envelope& row);

} // namespace outbox::sqlite::put
