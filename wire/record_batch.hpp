#pragma once
// Kafka's record batch, format 2: what a producer sends, what a segment stores and what a consumer
// reads, byte for byte.
//
//      0  int64  base offset                      \ these two are the broker's: outside the
//      checksum, 8  int32  length of all that follows       |   overwritten in place on append
//     12  int32  partition leader epoch           /
//     16  int8   magic, 2
//     17  uint32 CRC-32C of everything from 21 on
//     21  int16  attributes: codec (bits 0-2), timestamp type (3), transactional (4), control (5)
//     23  int32  last offset delta
//     27  int64  base timestamp        35  int64  max timestamp
//     43  int64  producer id           51  int16  producer epoch       53  int32  base sequence
//     57  int32  number of records     61  the records, compressed as a whole by the codec

#include "outbox/base/bytes.hpp"
#include "wire/error_code.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

namespace outbox::wire {

inline constexpr std::size_t batch_header_bytes = 61;
inline constexpr std::size_t batch_prefix_bytes =
    12; // base offset and length: what precedes the counted part

enum class codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

struct batch_header {
    std::int64_t base_offset = 0;
    std::int32_t batch_length = 0;
    std::int32_t partition_leader_epoch = -1;
    std::int8_t magic = 2;
    std::uint32_t crc = 0;
    std::int16_t attributes = 0;
    std::int32_t last_offset_delta = 0;
    std::int64_t base_timestamp = 0;
    std::int64_t max_timestamp = 0;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    std::int32_t record_count = 0;

    /// Bytes of the whole batch. Meaningful only when batch_length is at least 49.
    std::size_t total_bytes() const noexcept {
        return batch_prefix_bytes + static_cast<std::size_t>(batch_length);
    }
    std::int64_t last_offset() const noexcept { return base_offset + last_offset_delta; }
    std::int16_t codec_bits() const noexcept {
        return static_cast<std::int16_t>(attributes & 0x07);
    }
    bool transactional() const noexcept { return (attributes & 0x10) != 0; }
    bool control() const noexcept { return (attributes & 0x20) != 0; }

    bool operator==(const batch_header&) const = default;
};

/// The 61 bytes at the front of `data`, unchecked; nothing when there are fewer.
std::optional<batch_header> read_batch_header(bytes_view data) noexcept;

/// CRC-32C over what the checksum covers. `batch` is exactly one batch, at least batch_header_bytes
/// long.
std::uint32_t batch_crc(bytes_view batch) noexcept;

/// What is wrong with the records that a producer sent for one partition.
struct batch_fault {
    error_code code = error_code::none;
    const char* why = "";

    bool ok() const noexcept { return code == error_code::none; }
};

/// Accepts exactly one batch of format 2 with base offset 0, a right checksum, a known codec,
/// offsets that count its records, and no control bit. The records inside are not opened.
batch_fault check_produced_batch(bytes_view data) noexcept;

/// Overwrites the two fields that belong to the broker. `batch` begins with a batch header; the
/// checksum stays right.
void stamp_batch(
    std::span<char> batch,
    std::int64_t base_offset,
    std::int32_t leader_epoch
) noexcept;

struct record_header {
    bytes_view key;
    std::optional<bytes_view> value;

    bool operator==(const record_header&) const = default;
};

struct record {
    std::int64_t timestamp_delta = 0;
    std::int32_t offset_delta = 0;
    std::optional<bytes_view> key{};
    std::optional<bytes_view> value{};
    std::vector<record_header> headers{};

    bool operator==(const record&) const = default;
};

/// Walks the records of a batch, after decompression.
class record_reader {
public:
    /// `records` is what follows the batch header, decompressed; `count` the number that the header
    /// claims.
    record_reader(bytes_view records, std::int32_t count) noexcept : rest_(records), left_(count) {}

    /// False at the end and at the first malformed record; error() tells them apart. Views point
    /// into the records.
    bool next(record& out);

    std::error_code error() const noexcept { return error_; }

private:
    bytes_view rest_;
    std::int32_t left_;
    std::error_code error_;
};

/// Builds one batch.
struct batch_options {
    std::int64_t base_timestamp = 0;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    codec compression = codec::none;
};

/// The batch that holds `records` in this order; their offset deltas are set by position.
/// Compresses with `compression`.
bytes make_batch(const batch_options& options, std::vector<record> records);

} // namespace outbox::wire
