#pragma once
// The SQL that writes messages: what a producer's connection prepares, and how rows become its
// arguments. Everything is hexadecimal between quotes, so that no byte of a message and no setting
// of the session can change what the SQL means. `to` is the outbox that it is for.

#include "outbox/message/envelope.hpp"
#include "outbox/store/outbox_name.hpp"

#include <span>
#include <string>

namespace outbox::postgresql::put {

/// "prepare NAME …; prepare NAME_1 …": for any number of rows, and for one.
std::string prepare(const outbox_name& to, const std::string& name);

/// "execute NAME (…)": writes all `rows`, in order; a second command follows for those that are
/// scheduled.
std::string execute(const outbox_name& to, const std::string& name, std::span<const envelope> rows);

/// "insert into …": the same on a session where nothing is prepared, always one statement.
std::string insert(const outbox_name& to, std::span<const envelope> rows);

/// Take a scheduled message back, or put `row` in its place (with its own time, if it has one). One
/// row of two texts: "1" when it was there, else "0"; and nothing.
std::string cancel(const outbox_name& to, const message_id& id);
std::string replace(const outbox_name& to, const envelope& row);

/// "select …": one row with one text, where the relay of shard 0 listens; empty: nowhere.
std::string ask_doorbell(const outbox_name& to);

} // namespace outbox::postgresql::put
