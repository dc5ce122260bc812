#pragma once
// The ring of partitions that the messages live in, and how its space comes back: a partition is
// emptied by TRUNCATE when every row in it is delivered. Nothing waits for it: a partition that
// anybody reads or writes at that moment is left for another time.

#include "outbox/store/postgresql/connection.hpp"
#include "outbox/store/postgresql/window.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace outbox::postgresql {

inline constexpr int partition_count = 4;
/// So many numbers in a row belong to the same partition. The table's definition says the same.
inline constexpr int partition_shift = 18;

constexpr int partition_of(std::int64_t seq) noexcept {
    return static_cast<int>((seq >> partition_shift) & (partition_count - 1));
}

struct ring_options {
    /// The partition that producers are filling is emptied, too, once it is this big: an outbox
    /// with little traffic would otherwise keep its first quarter of a million rows for years.
    std::int64_t live_bytes_max = 32LL << 20U;
};

/// What is delivered of one shard.
struct delivered {
    int shard = 0;
    snapshot seen_by{};
};

class ring {
public:
    ring(connection& db, const ring_options& options) : db_(&db), options_(options) {}

    /// Empties at most one partition in which `all`, one for each shard there is, leave nothing
    /// undelivered. True: another one may be worth a try.
    bool reclaim(const std::vector<delivered>& all);

private:
    /// The snapshot in which no row of the partition was undelivered, or nothing.
    std::optional<snapshot> holds_nothing_but(int partition, const std::vector<delivered>& all);
    bool truncate(int partition, const snapshot& looked_at);

    connection* db_;
    ring_options options_;
};

} // namespace outbox::postgresql
