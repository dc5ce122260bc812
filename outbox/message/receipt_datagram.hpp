#pragma once
// The receipt itself: what a relay tells a producer about many messages in one datagram.
//
//   'O' 'R' · byte 1 (version) · 8 bytes of token · one or more entries until the end
//   entry = 16 bytes of message id · u8 fate (1 delivered, 2 rejected) · u16 attempts
//           · i32 partition · i64 offset (both -1 when unknown) · u8 length · reason, UTF-8
//
// Numbers are most significant byte first. A datagram is believed whole or not at all.

#include "outbox/base/bytes.hpp"
#include "outbox/message/delivery_report.hpp"
#include "outbox/message/message_id.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace outbox {

struct receipt_note {
    message_id id{};
    /// delivered or rejected; the others are never sent.
    send_fate fate = send_fate::delivered;
    std::uint32_t attempts = 0;
    target_position position{};
    std::string reason{};

    bool operator==(const receipt_note&) const = default;
};

/// Fits one packet on every network, so that none is lost for being half lost.
inline constexpr std::size_t receipt_datagram_bytes_max = 1'400;
/// What is longer is cut.
inline constexpr std::size_t receipt_reason_bytes_max = 200;

/// As many datagrams as it takes, each at most receipt_datagram_bytes_max.
std::vector<bytes> encode_receipts(bytes_view token, std::span<const receipt_note> notes);

/// Nothing unless every byte of `datagram` is in its place and `token` is in it. Allocates no more
/// than a small multiple of what arrived. Control characters of a reason become '?', because it
/// ends in somebody's log.
std::optional<std::vector<receipt_note>> decode_receipts(bytes_view token, bytes_view datagram);

} // namespace outbox
