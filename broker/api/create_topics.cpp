#include "broker/api/handle.hpp"
#include "broker/api/topic_settings.hpp"
#include "broker/api/topics.hpp"
#include "outbox/base/log.hpp"

#include <algorithm>
#include <map>
#include <memory>

namespace outbox::broker {

namespace {

using request_call = call<wire::create_topics_api>;
using asked_topic = wire::create_topics_request::topic;
using wire::error_code;

/// Kafka's source of a value: set on this topic, or built in.
constexpr std::int8_t dynamic_topic_config = 1;
constexpr std::int8_t default_config = 5;

/// The number of partitions that the request asks for, or why it cannot be had.
topic_outcome read_shape(const core& broker, const asked_topic& topic, std::int32_t& partitions) {
    partitions = topic.num_partitions;
    if (!topic.assignments.empty()) {
        if (topic.num_partitions != -1 || topic.replication_factor != -1)
            return {
                error_code::invalid_request,
                "give either an assignment or the numbers, not both"};
        std::vector<std::int32_t> indexes;
        for (const auto& assigned : topic.assignments) {
            if (assigned.broker_ids != std::vector{broker.options.node_id})
                return {
                    error_code::invalid_replica_assignment,
                    "there is one broker, number " + std::to_string(broker.options.node_id)};
            indexes.push_back(assigned.partition_index);
        }
        std::ranges::sort(indexes);
        for (std::size_t i = 0; i < indexes.size(); ++i)
            if (indexes[i] != static_cast<std::int32_t>(i))
                return {
                    error_code::invalid_replica_assignment,
                    "partitions are numbered from 0 without gaps"};
        partitions = static_cast<std::int32_t>(indexes.size());
        return {};
    }
    if (topic.replication_factor != -1 && topic.replication_factor != 1)
        return {
            error_code::invalid_replication_factor,
            "this broker is a single node: the replication factor is 1 (or -1 for the default)"};
    if (partitions == -1)
        partitions = broker.options.partitions_default;
    return {};
}

topic_outcome read_configs(const asked_topic& topic, config_overrides& overrides) {
    for (const auto& config : topic.configs) {
        if (const auto refusal = refuse_topic_setting(config.name, config.value))
            return {error_code::invalid_config, *refusal};
        if (!overrides.emplace(config.name, *config.value).second)
            return {error_code::invalid_config, config.name + " is given twice"};
    }
    return {};
}

wire::create_topics_response::topic
create_one(core& broker, const asked_topic& topic, creation how) {
    wire::create_topics_response::topic row{.name = topic.name};
    std::int32_t partitions = 0;
    config_overrides overrides;
    topic_outcome outcome = read_shape(broker, topic, partitions);
    if (outcome.error == error_code::none)
        outcome = read_configs(topic, overrides);
    if (outcome.error == error_code::none)
        outcome = make_topic(broker, topic.name, partitions, overrides, how);
    row.error = outcome.error;
    if (outcome.error != error_code::none) {
        row.error_message = outcome.message;
        row.topic_config_error = error_code::none;
        return row;
    }
    row.num_partitions = partitions;
    row.replication_factor = 1;
    row.configs.emplace();
    for (const topic_setting& setting : topic_settings()) {
        const auto set = overrides.find(std::string(setting.key));
        row.configs->push_back({
            .name = std::string(setting.key),
            .value = set != overrides.end() ? set->second
                                            : default_text(
                                                  setting,
                                                  broker.topic_defaults,
                                                  broker.options.message_bytes_max
                                              ),
            .config_source = set != overrides.end() ? dynamic_topic_config : default_config,
        });
    }
    return row;
}

} // namespace

void handle_create_topics(core& broker, request_call request) {
    auto shared = std::make_shared<request_call>(std::move(request));
    broker.loop.offload([&broker, shared] {
        const auto& asked = shared->request();
        const creation how = asked.validate_only ? creation::only_check : creation::for_real;
        wire::create_topics_response response;
        for (const auto& [topic, refused] : each_once(asked.topics)) {
            if (refused.error == error_code::none)
                response.topics.push_back(create_one(broker, *topic, how));
            else
                response.topics.push_back(
                    {.name = topic->name, .error = refused.error, .error_message = refused.message}
                );
        }
        broker.loop.post([&broker, shared, response = std::move(response)] {
            for (const auto& row : response.topics)
                broker.forget_topic(row.name);
            shared->answer(response);
        });
    });
}

} // namespace outbox::broker
