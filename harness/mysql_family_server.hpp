#pragma once
// What mariadb_server and mysql_server have in common: fresh data directory, private port and
// socket, no system service touched. The server is our direct child: it dies with the test.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace outbox::harness {

class mysql_family_server {
public:
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

    /// Runs SQL as root through MariaDB's program `mariadb`; returns the rows as lines, columns
    /// apart by a tab. Throws outbox::error with its words.
    std::string sql(const std::string& statements, const std::string& database = "test") const;

protected:
    /// `settings` come after, and so win over, those that every server gets.
    mysql_family_server(std::string product, std::vector<std::string> settings);
    ~mysql_family_server() = default;

    /// Runs the program that makes the data directory; the arguments it lacks (which directory, as
    /// which user) are added.
    void make_data_directory(std::vector<std::string> argv) const;
    /// The server's program and what this product alone must be told.
    void set_command(std::vector<std::string> argv) { command_ = std::move(argv); }

private:
    run_result client(const std::string& statements, const std::string& database) const;
    void add_common_arguments(std::vector<std::string>& argv) const;
    void end(int signal);

    std::string product_;
    std::vector<std::string> settings_;
    std::vector<std::string> command_{};
    std::uint16_t port_;
    temp_dir dir_;
    std::optional<child_process> server_;
};

} // namespace outbox::harness
