#pragma once
// PgQ 3.5, the strongest peer: append-only tables, batches between two snapshots. Its own SQL
// functions, one consumer, ticked by hand so that it never waits for a ticker.

#include "bench/pg.hpp"

#include <functional>

namespace outbox::bench {

inline constexpr const char* pgq_put_sql =
    "select pgq.insert_event('peer', 'orders', $2, $1, null, null, null)";

class pgq {
public:
    /// Creates the extension and a queue.
    explicit pgq(pg& db);

    /// A new, empty queue in place of the old one.
    void clear();
    /// With a tick after every tick_messages, which is how PgQ likes it best.
    void fill(long count);
    void put(const char* payload);
    void tick();
    /// Reads and finishes every batch; returns how many messages. `publish` gets the rows of a
    /// batch (ev_id, ev_type, ev_data, ev_extra1) before it is finished.
    long drain(const std::function<void(PGresult*)>& publish = {});
    /// What pgqd does now and then: the oldest table is emptied.
    void rotate();

    static constexpr long tick_messages = 100'000;

private:
    pg* db_;
};

} // namespace outbox::bench
