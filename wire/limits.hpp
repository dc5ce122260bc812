#pragma once
// Every bound that the protocol floor puts on what a peer may ask of it. What happens when one is
// reached is said beside it.

#include <cstddef>
#include <cstdint>

namespace outbox::wire {

/// A Produce that announces more is refused before a byte of it is stored; the connection ends.
inline constexpr std::size_t frame_bytes_max = 100 * 1024 * 1024;

/// The same for JoinGroup, SyncGroup and OffsetCommit, which grow with the group: what the members
/// of one may tell (16 MiB, broker/group/options.hpp), and room for what stands around it.
inline constexpr std::size_t group_frame_bytes_max = 17 * 1024 * 1024;

/// The same for every other request: none has a reason to be large.
inline constexpr std::size_t small_frame_bytes_max = 1024 * 1024;

/// Array elements of one message, over all its arrays; more of them make the request malformed.
/// Without it a frame full of empty elements would cost several times its size in memory.
inline constexpr std::size_t array_elements_max = 1'000'000;

/// Tagged fields of one structure; more of them make the request malformed. Kafka itself uses fewer
/// than ten.
inline constexpr std::uint32_t tagged_fields_max = 64;

/// Output of decompressing one record batch. A batch that would give more is treated as one that
/// cannot be opened.
inline constexpr std::size_t decompressed_bytes_max = 64 * 1024 * 1024;

} // namespace outbox::wire
