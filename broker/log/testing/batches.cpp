#include "broker/log/testing/batches.hpp"

#include "broker/log/batch_header.hpp"

namespace outbox::broker::testing {
namespace {

void append_varint(bytes& out, std::int64_t number) {
    auto zigzag =
        (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
    while (zigzag >= 0x80) {
        out += static_cast<char>((zigzag & 0x7f) | 0x80);
        zigzag >>= 7;
    }
    out += static_cast<char>(zigzag);
}

std::int64_t take_varint(bytes_view& from) {
    std::uint64_t zigzag = 0;
    for (int shift = 0; shift < 64 && !from.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(from.front());
        from.remove_prefix(1);
        zigzag |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return static_cast<std::int64_t>(zigzag >> 1) ^ -static_cast<std::int64_t>(zigzag & 1);
}

} // namespace

bytes make_batch(const batch_of& what) {
    bytes records;
    std::int64_t delta = 0;
    for (const std::string& value : what.values) {
        bytes record;
        record += '\0'; // attributes
        append_varint(record, 0);
        append_varint(record, delta++);
        append_varint(record, -1); // no key
        append_varint(record, static_cast<std::int64_t>(value.size()));
        record += value;
        append_varint(record, 0);
        append_varint(records, static_cast<std::int64_t>(record.size()));
        records += record;
    }
    bytes checked;
    append_big_endian(checked, std::int16_t{0});
    append_big_endian(checked, static_cast<std::int32_t>(what.values.size()) - 1);
    append_big_endian(checked, what.timestamp_ms);
    append_big_endian(checked, what.timestamp_ms);
    append_big_endian(checked, what.producer_id);
    append_big_endian(checked, what.producer_epoch);
    append_big_endian(checked, what.base_sequence);
    append_big_endian(checked, static_cast<std::int32_t>(what.values.size()));
    checked += records;
    bytes batch;
    append_big_endian(batch, std::int64_t{0});
    append_big_endian(batch, static_cast<std::int32_t>(checked.size() + 9));
    append_big_endian(batch, std::int32_t{-1});
    batch += static_cast<char>(batch_magic);
    append_big_endian(batch, crc32c(checked));
    return batch + checked;
}

std::vector<read_record> read_records(bytes_view batches) {
    std::vector<read_record> records;
    while (batches.size() >= batch_header_bytes) {
        const batch_header header = parse_batch_header(batches);
        bytes_view rest = batches.substr(
            batch_header_bytes,
            static_cast<std::size_t>(header.size()) - batch_header_bytes
        );
        for (std::int32_t i = 0; i < header.record_count; ++i) {
            take_varint(rest);     // length
            rest.remove_prefix(1); // attributes
            take_varint(rest);     // timestamp delta
            const std::int64_t delta = take_varint(rest);
            take_varint(rest); // key: none
            const auto size = static_cast<std::size_t>(take_varint(rest));
            records.push_back({header.base_offset + delta, std::string{rest.substr(0, size)}});
            rest.remove_prefix(size);
            take_varint(rest); // headers: none
        }
        batches.remove_prefix(static_cast<std::size_t>(header.size()));
    }
    return records;
}

} // namespace outbox::broker::testing
