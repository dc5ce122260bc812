#pragma once
// Outbox itself as a contestant, on any of its databases: drained by a relay that publishes to a
// durable broker. On PostgreSQL the tables can be filled by SQL, too.

#include "bench/pg.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/database.hpp"

#include <memory>
#include <string>

namespace outbox::bench {

class ours {
public:
    static void migrate(const std::string& url);

    /// Migrates the database. `brokers` as a Kafka client names them.
    ours(const std::string& url, std::string brokers);

    void clear(pg& db);
    void fill(pg& db, long count);
    /// Runs a relay until `count` messages are delivered, its progress is recorded and its lease
    /// given back. Returns seconds.
    double drain(long count, numbering numbers = numbering::off);
    /// Gives back the space of what is delivered, all of it, as a relay does in its idle moments.
    void remove_delivered();

private:
    std::unique_ptr<database> database_;
    std::string brokers_;
};

} // namespace outbox::bench
