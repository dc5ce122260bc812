#include "broker/api/handle.hpp"
#include "broker/api/topics.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace outbox::broker {

namespace {

using asked_topic = wire::create_partitions_request::topic;
using wire::error_code;

/// An assignment may only say what is so anyhow.
topic_outcome read_assignments(const core& broker, const asked_topic& topic) {
    if (!topic.assignments)
        return {};
    const auto exists = broker.logs.find_topic(topic.name);
    const auto more = exists ? topic.count - exists->partition_count : 0;
    const bool fits = static_cast<std::int64_t>(topic.assignments->size()) == more &&
                      std::ranges::all_of(*topic.assignments, [&](const auto& each) {
                          return each.broker_ids == std::vector{broker.options.node_id};
                      });
    if (!exists || fits || more <= 0) // the rest is refused for another reason
        return {};
    return {
        error_code::invalid_replica_assignment,
        "there is one broker, number " + std::to_string(broker.options.node_id) +
            ": leave the assignment away, or name it once for each of the " + std::to_string(more) +
            " new partitions"};
}

} // namespace

void handle_create_partitions(core& broker, call<wire::create_partitions_api> request) {
    auto shared = std::make_shared<call<wire::create_partitions_api>>(std::move(request));
    broker.loop.offload([&broker, shared] {
        const auto& asked = shared->request();
        const creation how = asked.validate_only ? creation::only_check : creation::for_real;
        wire::create_partitions_response response;
        for (auto& [topic, outcome] : each_once(asked.topics)) {
            if (outcome.error == error_code::none)
                outcome = read_assignments(broker, *topic);
            if (outcome.error == error_code::none)
                outcome = enlarge_topic(broker, topic->name, topic->count, how);
            auto& row = response.topics.emplace_back();
            row.name = topic->name;
            row.error = outcome.error;
            if (outcome.error != error_code::none)
                row.error_message = outcome.message;
        }
        broker.loop.post([shared, response = std::move(response)] { shared->answer(response); });
    });
}

} // namespace outbox::broker
