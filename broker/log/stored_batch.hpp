#pragma once
// What the log asks of a record batch beyond what wire/record_batch.hpp answers.
//
// Base offset and leader epoch lie outside the batch's checksum, so the log may write them without
// touching the rest; what protects them on disk is that offsets are dense and that the epoch of
// every offset is known (epoch_history.hpp).

#include "wire/record_batch.hpp"

#include <cstdint>

namespace outbox::broker {

/// The first byte that the checksum covers: the attributes.
inline constexpr std::size_t batch_checksum_begins_at = 21;

/// Could this be the head of a stored batch at all? Says nothing about the checksum. Only then
/// total_bytes() and next_offset() mean something.
inline bool is_plausible(const wire::batch_header& head) noexcept {
    constexpr auto length_min =
        static_cast<std::int32_t>(wire::batch_header_bytes - wire::batch_prefix_bytes);
    return head.magic == 2 && head.base_offset >= 0 && head.last_offset_delta >= 0 &&
           head.batch_length >= length_min;
}

inline std::int64_t next_offset(const wire::batch_header& head) noexcept {
    return head.last_offset() + 1;
}

} // namespace outbox::broker
