#pragma once
// A transaction of MariaDB or MySQL for a client that sends SQL as text. It lives in a session
// whose autocommit mode is switched off meanwhile, so that what follows a transaction that the
// server has ended (a deadlock) cannot commit by itself; a savepoint at its beginning tells that it
// was ended.

#include "outbox/store/outbox_name.hpp"
#include "outbox/store/transaction_sql.hpp"

#include <string>

namespace outbox::mysql {

/// MariaDB runs several commands of one text as a compound statement, without asking the client for
/// multi-statements.
const transaction_sql& compound_commands(const outbox_name& to);

/// One command a text, as MySQL wants it. MariaDB takes it, too.
const transaction_sql& single_commands(const outbox_name& to);

/// Which of the two, by what the server says of its version.
const transaction_sql& text_commands(const outbox_name& to, const std::string& server_version);

} // namespace outbox::mysql
