// Any bytes as the record batch of a produce request: checked, opened through its codec, walked.

#include "wire/compression.hpp"
#include "wire/record_batch.hpp"
#include "wire/writer.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace outbox;
    bytes batch(reinterpret_cast<const char*>(data), size);
    wire::check_produced_batch(batch);
    const auto header = wire::read_batch_header(batch);
    if (!header)
        return 0;
    // The checksum would stop nearly every input at the door: make it right, then look again.
    bytes crc;
    wire::writer(crc).uint32(wire::batch_crc(batch));
    batch.replace(17, 4, crc);
    wire::check_produced_batch(batch);

    bytes storage;
    const auto records = wire::open_records(*header, batch, storage);
    if (!records)
        return 0;
    wire::record_reader in(*records, header->record_count);
    wire::record r;
    std::size_t seen = 0;
    while (in.next(r))
        ++seen;
    if (seen > records->size())
        std::abort();
    return 0;
}
