#pragma once
// Making topics, the one path that Metadata's auto-creation and CreateTopics share, and making them
// larger.

#include "broker/api/core.hpp"
#include "broker/log/topic_config.hpp"
#include "wire/error_code.hpp"

#include <cstdint>
#include <string>

namespace outbox::broker {

struct topic_outcome {
    wire::error_code error = wire::error_code::none;
    std::string message{}; // for the client; empty without an error
};

enum class creation { for_real, only_check };

/// Blocks on the disk: worker's thread. Checks the total number of partitions first.
topic_outcome make_topic(
    core& broker,
    const std::string& name,
    std::int32_t partition_count,
    const config_overrides& overrides,
    creation how
);

/// Adds partitions to a topic until there are `partition_count`. Blocks on the disk: worker's
/// thread. Checks the total number of partitions first.
topic_outcome
enlarge_topic(core& broker, const std::string& name, std::int32_t partition_count, creation how);

} // namespace outbox::broker
