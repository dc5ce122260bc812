#pragma once
// Apache Kafka, one node, for the tests that prove that what we send there is what Kafka takes: the
// way out for users who outgrow one machine.
//
// Its jars are not ours: `./run test` fetches them, see tests/support/kafka. OUTBOX_KAFKA_JARS in
// the environment names another folder. Absent jars or java are an error that says so; nothing is
// skipped.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace outbox::harness {

/// The folder with the jars, for who runs one of Kafka's own tools from them. Throws outbox::error
/// when they are absent.
std::string kafka_jars();

struct kafka_options {
    /// Lines of server.properties that come after ours and win over them, such as
    /// {"num.partitions", "1"}.
    std::map<std::string, std::string> properties = {};
};

class kafka_server {
public:
    /// Formats a data directory and starts; returns when it answers a metadata request with itself
    /// in it.
    explicit kafka_server(kafka_options options = {});

    /// Starts it again after stop() or kill(), same directory, same port.
    void start();
    exit_status stop();
    void kill();

    std::uint16_t port() const noexcept { return port_; }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

private:
    child_options java(const std::string& heap, std::vector<std::string> arguments) const;

    std::string jars_;
    std::uint16_t port_;
    std::uint16_t controller_port_;
    temp_dir dir_;
    std::optional<child_process> process_;
};

/// Whether a Kafka protocol server at 127.0.0.1:`port` answers a metadata request with at least one
/// broker.
bool answers_kafka_metadata(std::uint16_t port);

} // namespace outbox::harness
