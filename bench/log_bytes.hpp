#pragma once
// Bytes that a database writes to its log for a message, from the business transaction to the
// moment when nothing is left of the message: inserted, delivered by our relay to a durable broker,
// removed. Counted with one message a transaction; the transaction's own bytes are subtracted.

#include "bench/benches.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"

#include <filesystem>
#include <vector>

namespace outbox::bench {

/// WAL, beside a uuid + status outbox and PgQ. Of a server with the tables of enqueue_bench.cpp.
void count_postgresql_wal(const harness::postgres_server& server, std::vector<figure>& figures);

/// Redo and binlog, beside a uuid + status outbox. The server has log-bin.
void count_mariadb_log(const harness::mariadb_server& server, std::vector<figure>& figures);

/// WAL, beside an outbox with a random key and a status.
void count_sqlite_wal(const std::filesystem::path& file, std::vector<figure>& figures);

} // namespace outbox::bench
