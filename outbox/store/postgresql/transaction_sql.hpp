#pragma once
// A transaction of PostgreSQL for a client that sends several commands as one text, in the simple
// protocol.

#include "outbox/store/outbox_name.hpp"
#include "outbox/store/transaction_sql.hpp"

namespace outbox::postgresql {

const transaction_sql& text_commands(const outbox_name& to);

} // namespace outbox::postgresql
