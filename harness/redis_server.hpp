#pragma once
// A Redis of its own for one test: fresh directory, private port, no system service touched. It is
// our direct child: it dies with the test.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace outbox::harness {

struct redis_options {
    /// Such as "appendfsync everysec" or "maxmemory-policy allkeys-lru"; come after, and so win
    /// over, ours (see start() in the .cpp): everything is on disk before it is answered.
    std::vector<std::string> settings = {};
};

class redis_server {
public:
    /// Starts. Throws outbox::error when Redis is not installed.
    explicit redis_server(redis_options options = {});

    /// Starts what stop() or kill() ended; returns when it answers and has read its files.
    void start();
    /// SIGTERM: what it holds is on disk.
    void stop();
    /// SIGKILL: the next start reads what was written.
    void kill();

    /// From now on it does nothing and keeps its connections, as in a command that takes long.
    void freeze();
    void thaw();

    std::uint16_t port() const noexcept { return port_; }
    /// With the append-only files below it.
    const std::filesystem::path& data_dir() const noexcept { return dir_.path(); }
    std::string log_text() const;

    /// Runs one command through redis-cli and returns what that prints. Throws outbox::error with
    /// its words.
    std::string run(const std::vector<std::string>& command) const;

private:
    bool answers() const;

    redis_options options_;
    std::uint16_t port_;
    temp_dir dir_;
    std::optional<child_process> server_;
};

} // namespace outbox::harness
