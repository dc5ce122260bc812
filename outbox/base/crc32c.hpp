#pragma once
// CRC-32C (Castagnoli), RFC 3720 appendix B.4: the checksum of Kafka's record batches and of every
// file we write. Uses the SSE4.2 instruction where the processor has it, tables elsewhere.

#include "outbox/base/bytes.hpp"

#include <cstdint>

namespace outbox {

/// The checksum of `data` continuing from `previous`: crc32c(b, crc32c(a)) == crc32c(a + b).
std::uint32_t crc32c(bytes_view data, std::uint32_t previous = 0) noexcept;

/// The portable path alone, so that a test can hold the two against each other.
std::uint32_t crc32c_by_table(bytes_view data, std::uint32_t previous = 0) noexcept;

} // namespace outbox
