#pragma once
// Reads a topic back the way any Kafka consumer would.

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace outbox::kafka {

struct record {
    int partition = 0;
    std::int64_t offset = 0;
    std::int64_t timestamp_ms = 0;
    std::optional<std::string> key{};
    std::string value{};
    std::vector<std::pair<std::string, std::string>> headers{};
};

/// All records of `topic`, partition by partition, until every partition's end has been reached.
/// Throws std::runtime_error when that takes longer than `within`. A topic that does not exist has
/// no records.
std::vector<record> read_topic(
    const std::string& brokers,
    const std::string& topic,
    std::chrono::milliseconds within = std::chrono::seconds{20}
);

} // namespace outbox::kafka
