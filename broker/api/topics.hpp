#pragma once
// Making topics, the one path that Metadata's auto-creation and CreateTopics share, and making them
// larger.

#include "broker/api/core.hpp"
#include "broker/log/topic_config.hpp"
#include "wire/error_code.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

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

/// A topic of a request that changes topics. Each name gets one answer; one that stands there more
/// than once is refused.
template <class Topic>
struct asked_once {
    const Topic* topic = nullptr; // lives as long as the request
    topic_outcome refused{};
};
template <class Topic>
std::vector<asked_once<Topic>> each_once(const std::vector<Topic>& asked) {
    std::vector<asked_once<Topic>> out;
    std::map<std::string_view, std::size_t> place;
    for (const Topic& topic : asked) {
        const auto [found, is_new] = place.emplace(topic.name, out.size());
        if (is_new)
            out.push_back({.topic = &topic});
        else
            out[found->second].refused = {
                wire::error_code::invalid_request,
                "the topic is named more than once"};
    }
    return out;
}

} // namespace outbox::broker
