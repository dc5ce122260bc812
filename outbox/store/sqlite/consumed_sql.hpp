#pragma once
// The SQL that notes what a consumer has done in SQLite, for a client that takes it as text.
// Everything is a hexadecimal literal, as in put.hpp. `to` is the outbox
// that it is for.

#include "outbox/store/consumed_keys.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace outbox::sqlite::consumed_sql {

/// Rows of one text: the keys that are new, in hexadecimal.
std::string note(const outbox_name& to, const consumed_batch& batch);
/// The last statement answers with one row of one text: how many.
std::vector<std::string>
forget(const outbox_name& to, std::chrono::seconds age, std::size_t rows_max);

} // namespace outbox::sqlite::consumed_sql
