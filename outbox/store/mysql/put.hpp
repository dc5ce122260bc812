#pragma once
// The SQL that writes messages into MariaDB and MySQL, for whichever client sends it. Everything is
// a hexadecimal literal, so that no byte of a message and no setting of the session can change what
// the SQL means. `to` is the outbox that it is for.

#include "outbox/message/envelope.hpp"
#include "outbox/store/mysql/binding.hpp"
#include "outbox/store/outbox_name.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace outbox::mysql::put {

/// Half of the smallest max_allowed_packet that servers come with, 16 MiB.
inline constexpr std::size_t statement_bytes_max = 8U << 20U;

/// "insert into outbox_message …" for all `rows`, in order: one statement, one more for those that
/// are scheduled, and further ones only when one would be longer than `bytes_max`. A single row is
/// one statement however long it is.
std::vector<std::string> insert(
    const outbox_name& to,
    std::span<const envelope> rows,
    binding how = binding::none,
    std::size_t bytes_max = statement_bytes_max
);

/// "select …": one row with one text, where the relay of shard 0 listens; empty: nowhere.
std::string ask_doorbell(const outbox_name& to);

/// Take a scheduled message back, or put `row` in its place (with its own time, if it has one). The
/// last statement answers with one row of two texts: "1" when it was there, else "0"; and nothing.
/// In a session that is not bound they fail, also of a message that is not there.
std::vector<std::string> cancel(const outbox_name& to, const message_id& id, binding how);
std::vector<std::string> replace(const outbox_name& to, const envelope& row, binding how);

} // namespace outbox::mysql::put
