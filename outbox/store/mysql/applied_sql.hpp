#pragma once
// The SQL of first_time_numbered() in MariaDB and MySQL, for whichever client sends it. Values are
// hexadecimal or digits. Each text is one trip; the last one answers with rows of one text.

#include "outbox/store/applied_question.hpp"
#include "outbox/store/mysql/binding.hpp"
#include "outbox/store/outbox_name.hpp"

#include <string>
#include <vector>

namespace outbox::mysql::applied_sql {

/// It is the lock that is bound; what follows is done by who holds it.
std::vector<std::string>
texts(const outbox_name& to, const applied_question& about, binding how = binding::none);

} // namespace outbox::mysql::applied_sql
