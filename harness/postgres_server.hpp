#pragma once
// A PostgreSQL of its own for one test: fresh data directory, private port and socket, no system
// service touched.
//
// Debian's server refuses to run as root; then it runs as the user `postgres`, which the package
// has made. The server is our direct child: it dies with the test.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace outbox::harness {

struct postgres_options {
    /// Configuration such as "wal_level=logical"; comes after, and so wins over, ours (see start()
    /// in the .cpp). Durability is left as PostgreSQL has it: fsync is on. Tests that never crash
    /// the server may say "fsync=off".
    std::vector<std::string> settings = {};
};

enum class postgres_stop {
    fast,      // sessions are ended, the data is checkpointed
    immediate, // no checkpoint: the next start recovers, as after a crash
};

class postgres_server {
public:
    /// Makes the data directory and starts. Throws outbox::error when PostgreSQL is not installed.
    explicit postgres_server(postgres_options options = {});
    ~postgres_server();

    /// Starts what stop() or kill() ended; returns when a session can be opened.
    void start();
    void stop(postgres_stop mode = postgres_stop::fast);
    /// SIGKILL of the postmaster. Its sessions notice and end.
    void kill();
    void restart(postgres_stop mode = postgres_stop::fast);

    std::uint16_t port() const noexcept { return port_; }
    /// "postgresql://postgres@127.0.0.1:PORT/postgres"
    std::string url(const std::string& database = "postgres") const;
    std::filesystem::path data_dir() const { return dir_ / "data"; }
    /// Where the unix socket is: usable as `host` in a connection string.
    const std::filesystem::path& socket_dir() const noexcept { return dir_.path(); }
    std::string log_text() const;

    /// Runs SQL through psql; returns the rows as lines, columns apart by '|'. Throws outbox::error
    /// with psql's words.
    std::string psql(const std::string& sql, const std::string& database = "postgres") const;

private:
    child_options command(const std::string& program, std::vector<std::string> arguments) const;
    bool answers() const;

    postgres_options options_;
    std::filesystem::path programs_;
    std::string user_;
    std::uint16_t port_;
    temp_dir dir_;
    std::optional<child_process> postmaster_;
    pid_t owner_;
};

} // namespace outbox::harness
