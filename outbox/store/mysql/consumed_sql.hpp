#pragma once
// The SQL that notes what a consumer has done in MariaDB and MySQL, for whichever client sends it.
// Everything is a hexadecimal literal, as in put.hpp. `to` is the outbox
// that it is for. Each text is one trip.

#include "outbox/store/consumed_keys.hpp"
#include "outbox/store/mysql/binding.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace outbox::mysql::consumed_sql {

/// How the server says which keys are new.
enum class answer {
    /// MariaDB from 10.5: in one statement. Others say that they do not understand it.
    returned,
    /// Any server: one statement, and one that asks.
    asked_for,
    /// Two statements, of which the second is not needed if the first has answered with rows.
    returned_or_asked_for,
};

/// The statement that answers has rows of one text: the keys that are new, in hexadecimal, and
/// empty ones for those that are not.
std::vector<std::string> note(
    const outbox_name& to,
    const consumed_batch& batch,
    answer how = answer::returned_or_asked_for,
    binding to_what = binding::none
);
/// The last statement answers with one row of one text: how many.
std::vector<std::string>
forget(const outbox_name& to, std::chrono::seconds age, std::size_t rows_max);

} // namespace outbox::mysql::consumed_sql
