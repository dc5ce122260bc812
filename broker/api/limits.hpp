#pragma once
// What one client may cost the broker, and what happens when it asks for more. The protocol's own
// bounds (frame sizes, elements of a message) are in wire/limits.hpp.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace outbox::broker {

/// Requests of one connection that are not answered yet. At the limit the broker stops reading from
/// it.
inline constexpr std::size_t requests_in_flight_max = 128;

/// Bytes of one connection held in memory: requests in work and answers not yet taken by the
/// client. Above it the broker stops reading; one request more may overshoot it.
inline constexpr std::size_t connection_bytes_max = 32 * 1024 * 1024;

/// What one Fetch returns, whatever it asks for. A single larger batch is still returned.
inline constexpr std::size_t fetch_bytes_max = 8 * 1024 * 1024;

/// The longest a Fetch may wait, whatever it asks for.
inline constexpr std::chrono::milliseconds fetch_wait_max = std::chrono::minutes{5};

/// Partitions of all topics together. Beyond it no topic is created: POLICY_VIOLATION.
inline constexpr std::int64_t partition_count_total_max = 20'000;

/// A connection that neither sends nor takes a byte for this long is closed.
inline constexpr std::chrono::minutes connection_idle_max{10};

} // namespace outbox::broker
