#pragma once
// The databases of a bench, each started when something first needs it, with the tables of the
// application (workload.hpp), of the outbox and of its peers.

#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/temp_dir.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace outbox::bench {

class places {
public:
    const harness::postgres_server& postgresql();
    /// As a primary is run whose commits must survive: each is flushed twice.
    const harness::mariadb_server& mariadb();
    /// A new file with the tables.
    std::filesystem::path sqlite_file(const std::string& name);

private:
    harness::temp_dir dir_;
    std::optional<harness::postgres_server> postgresql_;
    std::optional<harness::mariadb_server> mariadb_;
};

} // namespace outbox::bench
