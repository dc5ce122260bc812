#pragma once
// The SQL that notes what a consumer has done in PostgreSQL, for whichever client sends it.
// Everything is hexadecimal between quotes, as in put.hpp. `to` is the outbox
// that it is for.

#include "outbox/store/consumed_keys.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace outbox::postgresql::consumed_sql {

/// Whether `words` of the server mean that note() was said outside of a transaction.
bool says_no_transaction(std::string_view words) noexcept;

enum class where_asked {
    /// The server refuses it where no transaction is open.
    in_transaction,
    /// In one text with the BEGIN before it, where the server cannot tell.
    at_begin,
};

/// "insert into …": rows of one text, the keys that are new, in hexadecimal. A key that is not does
/// no harm to the transaction.
std::string note(
    const outbox_name& to,
    const consumed_batch& batch,
    where_asked where = where_asked::in_transaction
);
/// "prepare NAME …" and "execute NAME (…)": the same for a batch of one key, planned once for a
/// session.
std::string prepare(const outbox_name& to, const std::string& name);
std::string execute(const std::string& name, const consumed_batch& batch, where_asked where);
/// One row of one text: how many.
std::string forget(const outbox_name& to, std::chrono::seconds age, std::size_t rows_max);

} // namespace outbox::postgresql::consumed_sql
