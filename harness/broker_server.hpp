#pragma once
// Our broker as a test meets it: the program outbox-broker on its own data directory and port,
// which can be killed and started again on the same ones.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outbox::harness {

struct broker_options {
    /// Given to the program after --data-dir and --listen, such as {"--flush", "async"}.
    std::vector<std::string> arguments = {};
    std::map<std::string, std::string> env = {};
    /// Empty: a fresh one that is removed at the end.
    std::filesystem::path data_dir = {};
    /// Empty: the program of this build.
    std::filesystem::path program = {};
};

class broker_server {
public:
    /// Starts it; returns when it accepts clients. Throws when it has not been built or does not
    /// come up.
    explicit broker_server(broker_options options = {});

    /// Starts it again after stop() or kill(), same directory, same port; `env` is added to that of
    /// the options for this life only.
    void start(std::map<std::string, std::string> env = {});
    /// SIGTERM; returns how it ended: {0, 0} after a clean stop.
    exit_status stop();
    /// SIGKILL.
    void kill();

    std::uint16_t port() const noexcept { return port_; }
    /// "127.0.0.1:PORT", what a Kafka client calls bootstrap.servers.
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    const std::filesystem::path& data_dir() const noexcept { return options_.data_dir; }
    child_process& process();

private:
    temp_dir dir_;
    broker_options options_;
    std::uint16_t port_;
    std::optional<child_process> process_;
};

} // namespace outbox::harness
