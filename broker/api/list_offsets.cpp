#include "broker/api/handle.hpp"
#include "broker/api/leader_epoch.hpp"
#include "broker/api/log_error.hpp"
#include "broker/api/named_before.hpp"
#include "wire/compression.hpp"
#include "wire/record_batch.hpp"

#include <limits>
#include <utility>

namespace outbox::broker {

namespace {

using answer_row = wire::list_offsets_response::partition;
using wire::error_code;

constexpr std::int64_t latest = -1;
constexpr std::int64_t earliest = -2;
constexpr std::int64_t with_max_timestamp = -3;
constexpr std::int16_t max_timestamp_since = 7;

/// Both are whatever a client has sent.
std::int64_t add(std::int64_t base, std::int64_t delta) {
    using limits = std::numeric_limits<std::int64_t>;
    std::int64_t sum = 0;
    if (__builtin_add_overflow(base, delta, &sum))
        return delta < 0 ? limits::min() : limits::max();
    return sum;
}

/// The first record of the batch at `from` or later, or the one with the largest timestamp, by
/// opening the batch.
void find_in_batch(const batch_result& found, std::int64_t from, answer_row& row) {
    const auto header = wire::read_batch_header(found.batch);
    if (!header)
        return; // no batch: no such record
    row.leader_epoch = found.leader_epoch;
    // When the batch cannot be opened, its first record is the safe answer: nothing is skipped.
    row.offset = found.base_offset;
    row.timestamp = header->max_timestamp;
    bytes storage;
    const auto records = wire::open_records(*header, found.batch, storage);
    if (!records)
        return;
    const bool want_max = from == with_max_timestamp;
    wire::record_reader in(*records, header->record_count);
    wire::record r;
    while (in.next(r)) {
        const std::int64_t at = add(header->base_timestamp, r.timestamp_delta);
        if (want_max ? at == header->max_timestamp : at >= from) {
            row.offset = found.base_offset + r.offset_delta;
            row.timestamp = at;
            return;
        }
    }
}

answer_row find(
    core& broker,
    const std::string& topic,
    const wire::list_offsets_request::partition& asked,
    std::int16_t version
) {
    answer_row row{.index = asked.index};
    const auto log = broker.logs.find_partition(topic, asked.index);
    if (!log) {
        row.error = error_code::unknown_topic_or_partition;
        return row;
    }
    row.error = check_leader_epoch(asked.current_leader_epoch, broker.logs.leader_epoch());
    if (row.error != error_code::none)
        return row;
    if (asked.timestamp == latest || asked.timestamp == earliest) {
        const log_offsets offsets = log->offsets();
        row.offset = asked.timestamp == latest ? offsets.high_watermark : offsets.log_start;
        row.leader_epoch = broker.logs.leader_epoch();
        return row;
    }
    if (asked.timestamp < 0 &&
        !(asked.timestamp == with_max_timestamp && version >= max_timestamp_since)) {
        row.error = error_code::invalid_request;
        return row;
    }
    const batch_result found = asked.timestamp == with_max_timestamp
                                   ? log->find_max_timestamp()
                                   : log->find_timestamp(asked.timestamp);
    row.error = to_error_code(found.error);
    if (!found.error)
        find_in_batch(found, asked.timestamp, row);
    return row;
}

} // namespace

void handle_list_offsets(core& broker, call<wire::list_offsets_api> request) {
    wire::list_offsets_response response;
    named_before known;
    for (const auto& topic : request.request().topics) {
        wire::list_offsets_response::topic rows{.name = topic.name};
        for (const auto& partition : topic.partitions)
            if (!known(topic.name, partition.index))
                rows.partitions.push_back(find(broker, topic.name, partition, request.version()));
        if (!rows.partitions.empty())
            response.topics.push_back(std::move(rows));
    }
    request.answer(response);
}

} // namespace outbox::broker
