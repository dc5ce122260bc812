#pragma once
// Looking for a message by its id, which no index knows: the table is read from its beginning.

#include "outbox/message/message_id.hpp"
#include "outbox/store/message_search.hpp"
#include "outbox/store/postgresql/connection.hpp"

#include <cstdint>

namespace outbox::postgresql {

/// Reads at most `rows_max` rows of outbox.message, in the order in which they lie on the disk.
message_search find_message(connection& db, const message_id& id, std::int64_t rows_max);

} // namespace outbox::postgresql
