#pragma once
// Brings everything that is committed to a target, now, on this thread, and returns: what a relay
// does, for a test that says "place an order; drain; look what arrived".
//
//   const auto shop = outbox::sqlite::open_database("sqlite:shop.db");
//   place_order(42);
//   outbox::testing::drain(*shop, target);
//   outbox::testing::expect_delivered(delivered, order_placed);
//
// The tables are read and the progress is recorded as a relay does it, with the lease; so no relay
// may run for that database. What is scheduled is delivered when it is due by the database's clock.

#include "outbox/store/database.hpp"
#include "outbox/target/target.hpp"

#include <cstddef>
#include <string>

namespace outbox::testing {

struct drained {
    /// Messages that the target took, each counted once.
    std::size_t delivered = 0;
    /// Messages that are still in the outbox: one that the target did not take, and those behind
    /// it.
    std::size_t left = 0;
    /// Why, in the target's words.
    std::string reason{};
};

/// One message after the other, in the order of the outbox. One that is not taken is tried once
/// more, and then it stays. `to` must answer within 10 seconds; the in-memory target answers at
/// once. Throws outbox::error: conflict when a relay holds
/// the lease, or when a write transaction is open (SQLite); whatever the store throws.
drained drain(database& from, target& to, int shard = 0);

} // namespace outbox::testing
