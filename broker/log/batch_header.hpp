#pragma once
// The fixed head of a record batch, magic 2, as far as the log reads it: 61 bytes, big endian.
//
//   0 base offset (8) · 8 length of what follows (4) · 12 partition leader epoch (4) · 16 magic (1)
//   · 17 crc32c (4) of everything from 21 · 21 attributes (2) · 23 last offset delta (4) · 27 base
//   timestamp (8) · 35 max timestamp (8) · 43 producer id (8) · 51 producer epoch (2) · 53 base
//   sequence (4) · 57 record count (4)
//
// Base offset and leader epoch lie outside the checksum, so the log may write them without touching
// the rest; what protects them is that offsets are dense and that the epoch of every offset is
// known (epoch_history.hpp).

#include "broker/log/big_endian.hpp"
#include "outbox/base/bytes.hpp"
#include "outbox/base/crc32c.hpp"

#include <cstdint>

namespace outbox::broker {

inline constexpr std::size_t batch_header_bytes = 61;
inline constexpr std::size_t batch_length_counts_from = 12;
inline constexpr std::size_t batch_checksum_counts_from = 21;
inline constexpr std::int8_t batch_magic = 2;

struct batch_header {
    std::int64_t base_offset = 0;
    std::int32_t length = 0;
    std::int32_t leader_epoch = 0;
    std::int8_t magic = 0;
    std::uint32_t checksum = 0;
    std::int32_t last_offset_delta = 0;
    std::int64_t max_timestamp_ms = 0;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    std::int32_t record_count = 0;

    std::int64_t last_offset() const noexcept { return base_offset + last_offset_delta; }
    std::int64_t next_offset() const noexcept { return last_offset() + 1; }
    /// The whole batch, head included. Only when is_plausible().
    std::uint64_t size() const noexcept {
        return batch_length_counts_from + static_cast<std::uint64_t>(length);
    }
    /// Could this be the head of a batch at all? Says nothing about the checksum.
    bool is_plausible() const noexcept {
        return magic == batch_magic && base_offset >= 0 && last_offset_delta >= 0 &&
               length >= static_cast<std::int32_t>(batch_header_bytes - batch_length_counts_from);
    }
};

/// `data` holds at least batch_header_bytes.
inline batch_header parse_batch_header(bytes_view data) noexcept {
    const char* p = data.data();
    batch_header header;
    header.base_offset = load_big_endian<std::int64_t>(p);
    header.length = load_big_endian<std::int32_t>(p + 8);
    header.leader_epoch = load_big_endian<std::int32_t>(p + 12);
    header.magic = load_big_endian<std::int8_t>(p + 16);
    header.checksum = load_big_endian<std::uint32_t>(p + 17);
    header.last_offset_delta = load_big_endian<std::int32_t>(p + 23);
    header.max_timestamp_ms = load_big_endian<std::int64_t>(p + 35);
    header.producer_id = load_big_endian<std::int64_t>(p + 43);
    header.producer_epoch = load_big_endian<std::int16_t>(p + 51);
    header.base_sequence = load_big_endian<std::int32_t>(p + 53);
    header.record_count = load_big_endian<std::int32_t>(p + 57);
    return header;
}

inline bool checksum_matches(const batch_header& header, bytes_view batch) noexcept {
    return crc32c(batch.substr(batch_checksum_counts_from)) == header.checksum;
}

} // namespace outbox::broker
