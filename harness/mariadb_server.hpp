#pragma once
// A MariaDB of its own for one test: fresh data directory, private port and socket, no system
// service touched. The server is our direct child: it dies with the test.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace outbox::harness {

struct mariadb_options {
    /// Such as "log-bin=bin" or "auto-increment-increment=3"; come after, and so win over, ours
    /// (see start() in the .cpp). Durability is left as MariaDB has it: every commit is flushed.
    std::vector<std::string> settings = {};
};

class mariadb_server {
public:
    /// Makes the data directory, starts, and makes the empty database `test`. Throws outbox::error
    /// when MariaDB is not installed.
    explicit mariadb_server(mariadb_options options = {});

    /// Starts what stop() or kill() ended; returns when a session can be opened.
    void start();
    /// SIGTERM: sessions are ended, the data is on disk.
    void stop();
    /// SIGKILL: the next start recovers.
    void kill();

    std::uint16_t port() const noexcept { return port_; }
    /// "mysql://root@127.0.0.1:PORT/test"
    std::string url(const std::string& database = "test") const;
    std::filesystem::path data_dir() const { return dir_ / "data"; }
    std::filesystem::path socket() const { return dir_ / "socket"; }
    std::string log_text() const;

    /// Runs SQL as root through the program `mariadb`; returns the rows as lines, columns apart by
    /// a tab. Throws outbox::error with its words.
    std::string sql(const std::string& statements, const std::string& database = "test") const;

private:
    run_result client(const std::string& statements, const std::string& database) const;
    bool answers() const;

    mariadb_options options_;
    std::uint16_t port_;
    temp_dir dir_;
    std::optional<child_process> server_;
};

} // namespace outbox::harness
