#pragma once
// A transaction of SQLite for a client that sends one command as one text.

#include "outbox/store/transaction_sql.hpp"

namespace outbox::sqlite {

const transaction_sql& text_commands();

} // namespace outbox::sqlite
