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

enum class note_kind {
    applied, // first_time() was told so, and its transaction has committed
    done,    // an idempotency checker has said so
    held,    // claimed, and the lease runs
    left,    // claimed, and the lease is over: the next delivery may take it
};

/// What a consumer group has noted in this database under the message's id.
struct noted_row {
    std::string group{};
    note_kind kind = note_kind::applied;
    /// Since when it says so; of what is held, when it was claimed or its lease last extended.
    time_point at{};
    /// Of what is held or left.
    std::optional<time_point> lease_until{};
};

struct message_search {
    /// One, unless somebody used the id twice; at most stored_count_max.
    std::vector<stored_row> stored{};
    std::optional<scheduled_row> scheduled{};
    /// False: there are more rows than were looked at, and it may be among those.
    bool complete = true;

    /// By group. Nothing: there are no such tables, or the right to read them is missing.
    std::optional<std::vector<noted_row>> noted{};
    /// False: there are more groups than were asked.
    bool noted_complete = true;

    static constexpr int stored_count_max = 10;
    /// In each of the two tables with notes; the first ones by name.
    static constexpr int groups_max = 500;
};

} // namespace outbox
