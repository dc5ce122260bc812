#pragma once
// What a recorded cursor leaves to be delivered.

#include "outbox/store/mysql/connection.hpp"
#include "outbox/store/mysql/open_holes.hpp"
#include "outbox/store/relay_store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace outbox::mysql {

/// The holes of a cursor. Throws outbox::error (corrupt) when they cannot be read.
open_holes holes_of(const cursor& at, const outbox_name& name);

struct backlog {
    /// To store_status::backlog_counted_max, not further.
    std::int64_t count = 0;
    std::optional<std::chrono::milliseconds> oldest_age{};
};

/// Committed messages of `shard` that are not behind `at`.
backlog count_backlog(connection& db, int shard, const cursor& at);

} // namespace outbox::mysql
