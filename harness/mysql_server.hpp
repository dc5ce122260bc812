#pragma once
// Oracle's MySQL 8.0 for one test, as mariadb_server is MariaDB: fresh data directory, private port
// and socket, and it dies with the test. `./run test` fetches the program with Maven; it has no
// client, MariaDB's serves both.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace outbox::harness {

struct mysql_options {
    /// Such as "auto-increment-increment=3"; come after, and so win over, ours. Durability is left
    /// as MySQL has it: binary log on, every commit flushed.
    std::vector<std::string> settings = {};
};

class mysql_server {
public:
    /// Makes the data directory, starts, and makes the empty database `test`. Throws outbox::error
    /// when MySQL was not fetched.
    explicit mysql_server(mysql_options options = {});

    /// Starts what stop() or kill() ended; returns when a session can be opened.
    void start();
    /// SIGTERM: sessions are ended, the data is on disk.
    void stop();
    /// SIGKILL: the next start recovers.
    void kill();

    std::uint16_t port() const noexcept { return port_; }
    /// "mysql://root@127.0.0.1:PORT/test"
    std::string url(const std::string& database = "test") const;

    /// Runs SQL as root through the program `mariadb`; returns the rows as lines, columns apart by
    /// a tab. Throws outbox::error with its words.
    std::string sql(const std::string& statements, const std::string& database = "test") const;

private:
    std::vector<std::string> server_command() const;
    std::filesystem::path socket() const { return dir_ / "socket"; }
    run_result client(const std::string& statements, const std::string& database) const;
    std::string log_text() const;

    mysql_options options_;
    std::filesystem::path home_;
    std::uint16_t port_;
    temp_dir dir_;
    std::optional<child_process> server_;
};

} // namespace outbox::harness
