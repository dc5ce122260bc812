#pragma once
// Oracle's MySQL 8.0 for one test. `./run test` fetches the program with Maven; it has no client,
// MariaDB's serves both.

#include "harness/mysql_family_server.hpp"

#include <string>
#include <vector>

namespace outbox::harness {

struct mysql_options {
    /// Such as "auto-increment-increment=3"; come after, and so win over, ours. Durability is left
    /// as MySQL has it: binary log on, every commit flushed.
    std::vector<std::string> settings = {};
};

class mysql_server : public mysql_family_server {
public:
    /// Makes the data directory, starts, and makes the empty database `test`. Throws outbox::error
    /// when MySQL was not fetched.
    explicit mysql_server(mysql_options options = {});
};

} // namespace outbox::harness
