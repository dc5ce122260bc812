#pragma once
// The four codecs of record batches, in the framings that Kafka's clients use: gzip, snappy in
// xerial blocks (or raw, as librdkafka once sent it), lz4 frames, zstd. The broker stores batches
// as they came; it opens one only to find a record by its timestamp.

#include "outbox/base/bytes.hpp"
#include "wire/record_batch.hpp"

#include <cstddef>
#include <optional>

namespace outbox::wire {

/// Nothing when `data` is malformed or would give more than `output_bytes_max`; stops at that
/// limit, whatever the data claims about itself.
std::optional<bytes> decompress(codec how, bytes_view data, std::size_t output_bytes_max);

/// Throws outbox::error when the codec's library refuses, which means no memory.
bytes compress(codec how, bytes_view data);

/// The records behind the header of `batch`, decompressed if need be. `storage` keeps what the view
/// points at when the batch is compressed. Nothing when the batch cannot be opened within
/// decompressed_bytes_max.
std::optional<bytes_view>
open_records(const batch_header& header, bytes_view batch, bytes& storage);

} // namespace outbox::wire
