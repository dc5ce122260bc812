#pragma once
// How this broker presents itself and what it lets clients do. Filled by main from the command line
// and the configuration file; constant while the broker runs.

#include "broker/group/options.hpp"

#include <cstdint>
#include <string>

namespace outbox::broker {

struct settings {
    /// What clients are told to connect to, in every answer that names a broker.
    std::string advertised_host = "127.0.0.1";
    std::int32_t advertised_port = 0;
    std::int32_t node_id = 1;

    /// Whether Metadata makes a topic that does not exist, when the client allows it.
    bool auto_create_topics = true;
    /// Partitions of a topic whose creator does not say.
    std::int32_t partitions_default = 4;
    /// The largest record batch; `max.message.bytes` of a topic overrides it.
    std::int64_t message_bytes_max = 1'048'588; // Kafka's default: 1 MiB and 12 bytes

    group_options groups{};
};

} // namespace outbox::broker
