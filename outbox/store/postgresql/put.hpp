#pragma once
// The SQL that writes messages: what a producer's connection prepares, and how rows become its
// arguments. Everything is hexadecimal between quotes, so that no byte of a message and no setting
// of the session can change what the SQL means.

#include "outbox/message/envelope.hpp"

#include <span>
#include <string>
#include <string_view>

namespace outbox::postgresql::put {

/// The name of the prepared statement.
inline constexpr std::string_view statement_name = "outbox_put";

/// "prepare outbox_put …"
std::string prepare();

/// "execute outbox_put (…)": writes all `rows`, in order.
std::string execute(std::span<const envelope> rows);

/// "insert into …": the same on a session where nothing is prepared.
std::string insert(std::span<const envelope> rows);

/// "select …": where the relay of shard 0 listens (empty: nowhere), and whether the statement is
/// prepared on this session ('t' or 'f').
std::string ask_session();

} // namespace outbox::postgresql::put
