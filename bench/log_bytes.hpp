#pragma once
// Bytes that a database writes to its log for a message, from the business transaction to the
// moment when nothing is left of the message: inserted, delivered by our relay to a durable broker,
// removed. Counted with one message a transaction; the transaction's own bytes are subtracted.

#include "bench/application.hpp"
#include "bench/benches.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace outbox::bench {

/// One name on every database, whatever it calls its log: that of a door, as in "soci_mariadb".
inline std::string log_figure(const std::string& door) {
    return "enqueue." + door + ".wal_bytes_per_message";
}

/// A door of a database with a server. What it writes is its own: the text of its statements is in
/// MariaDB's binlog.
struct logged_door {
    std::string name{};
    std::unique_ptr<application> (*connect)(std::uint16_t port) = nullptr;
};

/// WAL, beside a uuid + status outbox and PgQ, which libpqxx fills. Of a server with the tables of
/// enqueue_bench.cpp.
void count_postgresql_wal(
    const harness::postgres_server& server,
    const std::vector<logged_door>& doors,
    std::vector<figure>& figures
);

/// Redo and binlog, beside a uuid + status outbox, which Connector/C++ fills. The server has
/// log-bin.
void count_mariadb_log(
    const harness::mariadb_server& server,
    const std::vector<logged_door>& doors,
    std::vector<figure>& figures
);

/// WAL, beside an outbox with a random key and a status.
void count_sqlite_wal(const std::filesystem::path& file, std::vector<figure>& figures);

} // namespace outbox::bench
