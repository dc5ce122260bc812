#pragma once
// Everything in which MariaDB and MySQL, and servers with and without the privilege to look around,
// differ for a relay.

#include "outbox/store/mysql/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace outbox::mysql {

struct server_traits {
    bool is_mariadb = false;
    /// The sessions of others can be seen (privilege PROCESS), and nobody writes rows here that
    /// were numbered elsewhere (Galera).
    bool sees_all_statements = false;
    /// Why it does not, for the log.
    std::string why_not{};
    /// Ends a SELECT that takes shared locks on rows at once or fails.
    const char* share_nowait = "";
    /// Every commit is on the disk before its client is told; not so with
    /// innodb_flush_log_at_trx_commit = 0 or 2.
    bool flushes_each_commit = true;
};

server_traits ask_traits(connection& db);

/// How far InnoDB's log is written into memory and onto the disk. Nothing where this session cannot
/// be told: on MySQL without the privilege PROCESS.
struct log_position {
    std::int64_t current = 0;
    std::int64_t flushed = 0;
};
std::optional<log_position> ask_log_position(connection& db, const server_traits& traits);

} // namespace outbox::mysql
