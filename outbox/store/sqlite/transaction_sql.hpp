#pragma once
// A transaction of SQLite for a client that sends one command as one text.

#include "outbox/store/outbox_name.hpp"
#include "outbox/store/transaction_sql.hpp"

namespace outbox::sqlite {

const transaction_sql& text_commands(const outbox_name& to);

} // namespace outbox::sqlite
