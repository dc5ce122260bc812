#pragma once
// What is committed and not yet delivered of a PostgreSQL outbox, counted.

#include "outbox/store/postgresql/connection.hpp"
#include "outbox/store/postgresql/window.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace outbox::postgresql {

struct backlog {
    /// To store_status::backlog_counted_max, not further.
    std::int64_t count = 0;
    /// By the database's clock; nothing when there is no message.
    std::optional<std::chrono::milliseconds> oldest_age{};
};

/// The messages of `shard` behind the place `between`, `seq` (see window.hpp). Throws as
/// connection does.
backlog count_backlog(connection& db, int shard, const window& between, std::int64_t seq);

} // namespace outbox::postgresql
