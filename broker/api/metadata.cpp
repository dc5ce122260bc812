#include "broker/api/handle.hpp"
#include "broker/api/topics.hpp"
#include "broker/log/topic_name.hpp"
#include "outbox/base/log.hpp"

#include <map>
#include <memory>
#include <set>

namespace outbox::broker {

namespace {

using request_call = call<wire::metadata_api>;

wire::metadata_response::topic describe(core& broker, const topic_description& topic) {
    wire::metadata_response::topic out{
        .name = topic.name,
        .is_internal = is_internal_topic(topic.name)};
    for (std::int32_t i = 0; i < topic.partition_count; ++i)
        out.partitions.push_back({
            .index = i,
            .leader_id = broker.options.node_id,
            .leader_epoch = broker.logs.leader_epoch(),
            .replica_nodes = {broker.options.node_id},
            .isr_nodes = {broker.options.node_id},
        });
    return out;
}

/// Everything is known now: what to make has been made, or has failed for the reason in `failed`.
void answer(
    core& broker,
    request_call& request,
    const std::map<std::string, wire::error_code>& failed
) {
    wire::metadata_response response{
        .brokers =
            {{.node_id = broker.options.node_id,
              .host = broker.options.advertised_host,
              .port = broker.options.advertised_port}},
        .cluster_id = broker.logs.cluster_id(),
        .controller_id = broker.options.node_id,
    };
    const auto& asked = request.request().topics;
    // Before v1 an empty list meant every topic.
    if (!asked || (request.version() == 0 && asked->empty())) {
        for (const topic_description& topic : broker.logs.topics())
            response.topics.push_back(describe(broker, topic));
    } else {
        std::set<std::string_view> seen;
        for (const auto& topic : *asked) {
            if (!seen.insert(topic.name).second)
                continue;
            const auto failure = failed.find(topic.name);
            const auto known = broker.logs.find_topic(topic.name);
            if (known)
                response.topics.push_back(describe(broker, *known));
            else if (failure != failed.end())
                response.topics.push_back({.error = failure->second, .name = topic.name});
            else if (!is_valid_topic_name(topic.name))
                response.topics.push_back(
                    {.error = wire::error_code::invalid_topic_exception, .name = topic.name}
                );
            else
                response.topics.push_back(
                    {.error = wire::error_code::unknown_topic_or_partition, .name = topic.name}
                );
        }
    }
    request.answer(response);
}

} // namespace

void handle_metadata(core& broker, request_call request) {
    std::set<std::string> missing;
    if (broker.options.auto_create_topics && request.request().allow_auto_topic_creation &&
        request.request().topics)
        for (const auto& topic : *request.request().topics)
            if (is_valid_topic_name(topic.name) && !is_internal_topic(topic.name) &&
                !broker.logs.find_topic(topic.name))
                missing.insert(topic.name);
    if (missing.empty()) {
        answer(broker, request, {});
        return;
    }
    auto shared = std::make_shared<request_call>(std::move(request));
    broker.loop.offload([&broker, shared, missing = std::move(missing)] {
        std::map<std::string, wire::error_code> failed;
        for (const std::string& name : missing) {
            const topic_outcome outcome =
                make_topic(broker, name, broker.options.partitions_default, {}, creation::for_real);
            if (outcome.error == wire::error_code::none)
                log(log_level::info, "broker", "topic '" + name + "' created on first use");
            else if (outcome.error != wire::error_code::topic_already_exists)
                failed.emplace(name, outcome.error);
        }
        broker.loop.post([&broker, shared, failed = std::move(failed)] {
            answer(broker, *shared, failed);
        });
    });
}

} // namespace outbox::broker
