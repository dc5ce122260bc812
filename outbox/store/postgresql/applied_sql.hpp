#pragma once
// The SQL of first_time_numbered() in PostgreSQL, for whichever client sends it. Values are
// hexadecimal or digits. Each text is one trip; the last one answers with rows of one text.

#include "outbox/store/applied_question.hpp"
#include "outbox/store/outbox_name.hpp"

#include <string>
#include <vector>

namespace outbox::postgresql::applied_sql {

std::vector<std::string> texts(const outbox_name& to, const applied_question& about);

} // namespace outbox::postgresql::applied_sql
