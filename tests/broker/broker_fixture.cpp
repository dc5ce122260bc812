#include "tests/broker/broker_fixture.hpp"

#include "wire/compression.hpp"

namespace outbox::broker::test {

std::vector<std::string> broker_fixture::values_of(bytes_view batches) {
    std::vector<std::string> out;
    while (const auto header = wire::read_batch_header(batches)) {
        const bytes_view batch = batches.substr(0, header->total_bytes());
        bytes storage;
        const auto records = wire::open_records(*header, batch, storage);
        if (!records)
            throw std::runtime_error("a batch that cannot be opened");
        wire::record_reader in(*records, header->record_count);
        wire::record r;
        while (in.next(r))
            out.emplace_back(r.value.value_or(bytes_view("<null>")));
        batches.remove_prefix(batch.size());
    }
    return out;
}

bytes broker_fixture::batch_of(std::vector<std::string> values, wire::batch_options with) {
    if (with.base_timestamp == 0)
        with.base_timestamp = std::chrono::duration_cast<std::chrono::milliseconds>(
                                  system_clock().now().time_since_epoch()
        )
                                  .count();
    std::vector<wire::record> records;
    for (const std::string& value : values)
        records.push_back({.value = bytes_view(value)});
    return wire::make_batch(with, std::move(records));
}

} // namespace outbox::broker::test
