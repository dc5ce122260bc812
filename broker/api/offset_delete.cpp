#include "broker/api/handle.hpp"
#include "broker/api/named_before.hpp"
#include "broker/group/subscription.hpp"

#include <map>
#include <memory>
#include <string_view>
#include <utility>

namespace outbox::broker {

namespace {

using request_call = call<wire::offset_delete_api>;
using wire::error_code;

struct deletion {
    explicit deletion(request_call r) : request(std::move(r)) {}

    request_call request;
    wire::offset_delete_response response;
};

std::vector<state_change> decide(core& broker, deletion& work) {
    const auto& asked = work.request.request();
    std::vector<state_change> changes;
    const auto* known = broker.groups.machine().find(asked.group_id);
    if (known == nullptr || !coordinator::exists(*known)) {
        work.response.error = error_code::group_id_not_found;
        return changes;
    }
    const group& membership = known->membership;
    if (membership.member_count() > 0 && membership.protocol_type() != consumer_protocol_type) {
        work.response.error = error_code::non_empty_group;
        return changes;
    }
    named_before known_partition;
    std::map<std::string_view, bool> subscribed;
    const auto is_in_use = [&](std::string_view topic) { // asks every member: once, if it matters
        const auto [at, is_new] = subscribed.try_emplace(topic);
        if (is_new)
            at->second = is_subscribed(membership, topic);
        return at->second;
    };
    for (const auto& topic : asked.topics) {
        wire::offset_delete_response::topic rows{.name = topic.name};
        for (const auto& partition : topic.partitions) {
            if (known_partition(topic.name, partition.index))
                continue;
            auto& row = rows.partitions.emplace_back();
            row.index = partition.index;
            if (broker.groups.find_offset(asked.group_id, topic.name, partition.index) == nullptr)
                row.error = broker.logs.find_partition(topic.name, partition.index)
                                ? error_code::none
                                : error_code::unknown_topic_or_partition;
            else if (is_in_use(topic.name))
                row.error = error_code::group_subscribed_to_topic;
            else
                changes.emplace_back(
                    offset_change{asked.group_id, topic.name, partition.index, std::nullopt}
                );
        }
        if (!rows.partitions.empty())
            work.response.topics.push_back(std::move(rows));
    }
    return changes;
}

} // namespace

void handle_offset_delete(core& broker, request_call request) {
    if (const auto why = broker.groups.refusal(request.request().group_id);
        why != error_code::none) {
        request.answer({.error = why});
        return;
    }
    auto work = std::make_shared<deletion>(std::move(request));
    broker.groups.changes().write_when_quiet(
        [&broker, work] { return decide(broker, *work); },
        [work](std::error_code ec) {
            if (ec)
                work->response = {.error = error_code::coordinator_not_available};
            work->request.answer(work->response);
        }
    );
}

} // namespace outbox::broker
