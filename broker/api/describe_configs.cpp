#include "broker/api/handle.hpp"
#include "broker/api/topic_settings.hpp"
#include "wire/limits.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace outbox::broker {

namespace {

using result = wire::describe_configs_response::result;
using config = wire::describe_configs_response::config;
using wire::error_code;

constexpr std::int8_t topic_resource = 2;
constexpr std::int8_t broker_resource = 4;

constexpr std::int8_t dynamic_topic_config = 1;
constexpr std::int8_t static_broker_config = 4;
constexpr std::int8_t default_config = 5;

struct options {
    bool synonyms;
    bool documentation;
};

std::vector<config> topic_configs(core& broker, const topic_description& topic, options wanted) {
    std::vector<config> out;
    for (const topic_setting& setting : topic_settings()) {
        const std::string key(setting.key);
        const std::string inherited =
            default_text(setting, broker.topic_defaults, broker.options.message_bytes_max);
        const auto set = topic.overrides.find(key);
        config& row = out.emplace_back();
        row.name = key;
        row.value = set != topic.overrides.end() ? set->second : inherited;
        row.source = set != topic.overrides.end() ? dynamic_topic_config : default_config;
        row.type = static_cast<std::int8_t>(setting.type);
        if (wanted.synonyms) {
            if (set != topic.overrides.end())
                row.synonyms.push_back({key, set->second, dynamic_topic_config});
            row.synonyms.push_back({key, inherited, default_config});
        }
        if (wanted.documentation)
            row.documentation = std::string(setting.documentation);
    }
    return out;
}

/// The broker's own settings under Kafka's names, as far as they have one; none can be changed from
/// outside.
std::vector<config> broker_configs(core& broker) {
    const settings& s = broker.options;
    const auto listener =
        "PLAINTEXT://" + s.advertised_host + ":" + std::to_string(s.advertised_port);
    const std::pair<const char*, std::string> values[] = {
        {"advertised.listeners", listener},
        {"auto.create.topics.enable", s.auto_create_topics ? "true" : "false"},
        {"broker.id", std::to_string(s.node_id)},
        {"compression.type", "producer"},
        {"default.replication.factor", "1"},
        {"log.cleanup.policy", "delete"},
        {"log.flush.interval.messages", std::to_string(broker.topic_defaults.flush_messages)},
        {"log.flush.interval.ms", std::to_string(broker.topic_defaults.flush.count())},
        {"log.retention.bytes", std::to_string(broker.topic_defaults.retention_bytes)},
        {"log.retention.ms", std::to_string(broker.topic_defaults.retention.count())},
        {"log.roll.ms", std::to_string(broker.topic_defaults.segment_age.count())},
        {"log.segment.bytes", std::to_string(broker.topic_defaults.segment_bytes)},
        {"message.max.bytes", std::to_string(s.message_bytes_max)},
        {"num.partitions", std::to_string(s.partitions_default)},
        {"socket.request.max.bytes", std::to_string(wire::frame_bytes_max)},
    };
    std::vector<config> out;
    for (const auto& [key, value] : values)
        out.push_back({
            .name = key,
            .value = value,
            .read_only = true,
            .source = static_broker_config,
            .type = static_cast<std::int8_t>(setting_type::string),
        });
    return out;
}

result
describe(core& broker, const wire::describe_configs_request::resource& asked, options wanted) {
    result row{.type = asked.type, .name = asked.name};
    if (asked.type == topic_resource) {
        const auto topic = broker.logs.find_topic(asked.name);
        if (!topic) {
            row.error = error_code::unknown_topic_or_partition;
            row.error_message = "there is no such topic";
            return row;
        }
        row.configs = topic_configs(broker, *topic, wanted);
    } else if (asked.type == broker_resource) {
        if (!asked.name.empty() && asked.name != std::to_string(broker.options.node_id)) {
            row.error = error_code::invalid_request;
            row.error_message =
                "there is one broker, number " + std::to_string(broker.options.node_id);
            return row;
        }
        row.configs = broker_configs(broker);
    } else {
        row.error = error_code::invalid_request;
        row.error_message = "only topics (2) and brokers (4) have configurations here";
        return row;
    }
    if (asked.keys && !asked.keys->empty())
        std::erase_if(row.configs, [&](const config& c) {
            return std::ranges::find(*asked.keys, c.name) == asked.keys->end();
        });
    return row;
}

} // namespace

void handle_describe_configs(core& broker, call<wire::describe_configs_api> request) {
    const auto& asked = request.request();
    wire::describe_configs_response response;
    std::set<std::pair<std::int8_t, std::string_view>> seen; // each is answered once
    for (const auto& resource : asked.resources) {
        if (!seen.emplace(resource.type, resource.name).second)
            continue;
        response.results.push_back(describe(
            broker,
            resource,
            {.synonyms = asked.include_synonyms, .documentation = asked.include_documentation}
        ));
    }
    request.answer(response);
}

} // namespace outbox::broker
