#include "broker/api/handle.hpp"

#include <memory>

namespace outbox::broker {

namespace {

using request_call = call<wire::offset_commit_api>;
using wire::error_code;

struct commit_work {
    explicit commit_work(request_call r) : request(std::move(r)) {}

    request_call request;
    wire::offset_commit_response response;
    std::vector<state_change> changes;
};

/// What needs no look at the rows. They come after it: each of them copies the group's name.
error_code refusal(core& broker, const wire::offset_commit_request& asked) {
    if (const auto why = broker.groups.refusal(asked.group_id); why != error_code::none)
        return why;
    std::size_t count = 0;
    for (const auto& topic : asked.topics)
        count += topic.partitions.size();
    return count > broker.groups.options().commit_partitions_max
               ? error_code::invalid_commit_offset_size
               : error_code::none;
}

/// A row of the answer for every row asked.
void prepare_answer(commit_work& work) {
    for (const auto& topic : work.request.request().topics) {
        auto& rows = work.response.topics.emplace_back();
        rows.name = topic.name;
        for (const auto& partition : topic.partitions)
            rows.partitions.emplace_back().index = partition.index;
    }
}

/// A change for every row that may be committed, and what is wrong with each other.
void plan(core& broker, commit_work& work) {
    const auto& asked = work.request.request();
    const moment now = broker.groups.now();
    for (std::size_t t = 0; t < asked.topics.size(); ++t) {
        const auto& topic = asked.topics[t];
        const auto known = broker.logs.find_topic(topic.name);
        for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
            const auto& partition = topic.partitions[i];
            auto& row = work.response.topics[t].partitions[i];
            const std::string metadata = partition.metadata.value_or("");
            if (!known || partition.index < 0 || partition.index >= known->partition_count)
                row.error = error_code::unknown_topic_or_partition;
            else if (metadata.size() > broker.groups.options().metadata_bytes_max)
                row.error = error_code::offset_metadata_too_large;
            else if (partition.offset < 0)
                row.error = error_code::offset_out_of_range;
            else
                work.changes.emplace_back(offset_change{
                    asked.group_id,
                    topic.name,
                    partition.index,
                    committed_offset{
                        .offset = partition.offset,
                        .leader_epoch = partition.leader_epoch,
                        .metadata = metadata,
                        .committed_ms = now.wall_ms,
                        .topic = known->id}});
        }
    }
}

void answer(commit_work& work, error_code outcome) {
    for (auto& topic : work.response.topics)
        for (auto& row : topic.partitions)
            if (row.error == error_code::none)
                row.error = outcome;
    work.request.answer(work.response);
}

} // namespace

void handle_offset_commit(core& broker, request_call request) {
    auto work = std::make_shared<commit_work>(std::move(request));
    const auto& asked = work->request.request();
    prepare_answer(*work);
    error_code why = refusal(broker, asked);
    if (why == error_code::none) {
        plan(broker, *work);
        why = broker.groups.machine().check_commit(
            broker.groups.now(),
            asked.group_id,
            {asked.member_id, asked.group_instance_id},
            asked.generation_id,
            work->changes
        );
    }
    if (why != error_code::none || work->changes.empty()) {
        answer(*work, why);
        return;
    }
    auto changes = std::move(work->changes);
    broker.groups.changes().write(std::move(changes), [work](std::error_code ec) {
        answer(*work, ec ? error_code::coordinator_not_available : error_code::none);
    });
}

} // namespace outbox::broker
