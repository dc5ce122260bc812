#pragma once
// What the tables of one business database know of a message, for people who ask where it is.
// Delivered rows are removed sooner or later, so "not here" also means "delivered long ago".

#include "outbox/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

/// A committed row that is still there.
struct stored_row {
    std::int64_t seq = 0;
    int shard = 0;
    std::string subject{};
    /// By the database's clock, as are all times here.
    time_point created_at{};
    /// Behind the relay's recorded cursor: delivered. A relay records what it has delivered a
    /// moment later, so what is not behind the cursor may have arrived all the same.
    bool relayed = false;
};

struct scheduled_row {
    std::string subject{};
    time_point due_at{};
};

struct message_search {
    /// One, unless somebody used the id twice; at most stored_count_max.
    std::vector<stored_row> stored{};
    std::optional<scheduled_row> scheduled{};
    /// False: there are more rows than were looked at, and it may be among those.
    bool complete = true;

    static constexpr int stored_count_max = 10;
};

} // namespace outbox
