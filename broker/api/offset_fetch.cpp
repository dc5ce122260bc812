#include "broker/api/handle.hpp"
#include "broker/api/named_before.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace outbox::broker {

namespace {

using request_call = call<wire::offset_fetch_api>;
using asked_topics = std::optional<std::vector<wire::offset_fetch_request::topic>>;
using answer_topics = std::vector<wire::offset_fetch_response::topic>;
using wire::error_code;

wire::offset_fetch_response::partition
row_of(core& broker, const std::string& group, const std::string& topic, std::int32_t partition) {
    const auto* committed = broker.groups.find_offset(group, topic, partition);
    if (committed == nullptr)
        return {.index = partition};
    return {
        .index = partition,
        .offset = committed->offset,
        .leader_epoch = committed->leader_epoch,
        .metadata = committed->metadata};
}

answer_topics everything(core& broker, const std::string& group) {
    answer_topics out;
    const auto* known = broker.groups.machine().find(group);
    if (known == nullptr)
        return out;
    for (const auto& [topic, partitions] : known->offsets) {
        wire::offset_fetch_response::topic rows{.name = topic};
        for (const auto& [partition, committed] : partitions)
            if (auto row = row_of(broker, group, topic, partition); row.offset >= 0)
                rows.partitions.push_back(std::move(row));
        if (!rows.partitions.empty())
            out.push_back(std::move(rows));
    }
    return out;
}

answer_topics
find(core& broker, const std::string& group, const asked_topics& topics, error_code why) {
    if (!topics)
        return why == error_code::none ? everything(broker, group) : answer_topics();
    answer_topics out;
    named_before known;
    for (const auto& topic : *topics) {
        wire::offset_fetch_response::topic rows{.name = topic.name};
        for (const std::int32_t partition : topic.partition_indexes)
            if (known(topic.name, partition))
                continue;
            else if (why == error_code::none)
                rows.partitions.push_back(row_of(broker, group, topic.name, partition));
            else
                rows.partitions.push_back({.index = partition, .error = why});
        if (!rows.partitions.empty())
            out.push_back(std::move(rows));
    }
    return out;
}

void answer(core& broker, request_call& request) {
    const auto& asked = request.request();
    wire::offset_fetch_response response;
    constexpr std::int16_t several = 8;
    if (request.version() < several) {
        response.error = broker.groups.refusal(asked.group_id);
        response.topics = find(broker, asked.group_id, asked.topics, response.error);
    } else {
        std::set<std::string_view> seen;
        for (const auto& group : asked.groups) {
            if (!seen.insert(group.group_id).second)
                continue;
            const error_code why = broker.groups.refusal(group.group_id);
            response.groups.push_back(
                {group.group_id, find(broker, group.group_id, group.topics, why), why}
            );
        }
    }
    request.answer(response);
}

} // namespace

// What was committed before it was asked is seen, also when it is still on its way to the disk: a
// consumer that takes a partition over must not begin before where the last one has just finished.
void handle_offset_fetch(core& broker, request_call request) {
    auto shared = std::make_shared<request_call>(std::move(request));
    broker.groups.changes().write_when_quiet(
        [] { return std::vector<state_change>(); },
        [&broker, shared](std::error_code) { answer(broker, *shared); }
    );
}

} // namespace outbox::broker
