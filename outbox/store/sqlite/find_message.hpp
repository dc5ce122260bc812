#pragma once
// Looking for a message by its id, which no index knows: the newest numbers are read.

#include "outbox/message/message_id.hpp"
#include "outbox/store/message_search.hpp"
#include "outbox/store/sqlite/statement.hpp"

#include <cstdint>

namespace outbox::sqlite {

/// Looks at the rows under the `rows_max` highest numbers of outbox_message.
message_search
find_message(const outbox_connection& db, const message_id& id, std::int64_t rows_max);

} // namespace outbox::sqlite
