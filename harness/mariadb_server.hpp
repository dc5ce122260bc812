#pragma once
// A MariaDB of its own for one test.

#include "harness/mysql_family_server.hpp"

#include <string>
#include <vector>

namespace outbox::harness {

struct mariadb_options {
    /// Such as "log-bin=bin" or "auto-increment-increment=3"; come after, and so win over, ours.
    /// Durability is left as MariaDB has it: every commit is flushed.
    std::vector<std::string> settings = {};
};

class mariadb_server : public mysql_family_server {
public:
    /// Makes the data directory, starts, and makes the empty database `test`. Throws outbox::error
    /// when MariaDB is not installed.
    explicit mariadb_server(mariadb_options options = {});
};

} // namespace outbox::harness
