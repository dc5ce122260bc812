#include "broker/log/testing/batches.hpp"

#include "wire/record_batch.hpp"

namespace outbox::broker::testing {

bytes make_batch(const batch_of& what) {
    std::vector<wire::record> records(what.values.size());
    for (std::size_t i = 0; i < records.size(); ++i)
        records[i].value = what.values[i];
    return wire::make_batch(
        {
            .base_timestamp = what.timestamp_ms,
            .producer_id = what.producer_id,
            .producer_epoch = what.producer_epoch,
            .base_sequence = what.base_sequence,
        },
        std::move(records)
    );
}

std::vector<read_record> read_records(bytes_view batches) {
    std::vector<read_record> all;
    while (const auto head = wire::read_batch_header(batches)) {
        wire::record_reader reader{
            batches
                .substr(wire::batch_header_bytes, head->total_bytes() - wire::batch_header_bytes),
            head->record_count};
        wire::record record;
        while (reader.next(record))
            all.push_back(
                {head->base_offset + record.offset_delta, std::string{record.value.value_or("")}}
            );
        batches.remove_prefix(head->total_bytes());
    }
    return all;
}

} // namespace outbox::broker::testing
