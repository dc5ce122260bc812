#pragma once
// The SQL of first_time_numbered() in MariaDB and MySQL, for whichever client sends it. Values are
// hexadecimal or digits. Each text is one trip; the last one answers with rows of one text.

#include "outbox/store/applied_question.hpp"
#include "outbox/store/outbox_name.hpp"

#include <string>
#include <vector>

namespace outbox::mysql::applied_sql {

std::vector<std::string> texts(const outbox_name& to, const applied_question& about);
/// The same, and the server refuses to lock (error 1242) when the session is in autocommit mode.
std::vector<std::string> texts_in_transaction(const outbox_name& to, const applied_question& about);

} // namespace outbox::mysql::applied_sql
