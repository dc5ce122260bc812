#pragma once
// Looking for a message by its id, which no index knows: the newest numbers are read.

#include "outbox/message/message_id.hpp"
#include "outbox/store/message_search.hpp"
#include "outbox/store/mysql/connection.hpp"

#include <cstdint>

namespace outbox::mysql {

/// Looks at the rows under the `rows_max` highest numbers of outbox_message.
message_search find_message(connection& db, const message_id& id, std::int64_t rows_max);

} // namespace outbox::mysql
