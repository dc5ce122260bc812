#pragma once
// "Tell me when this is delivered": a header that travels with the row from the producer to the
// relay, and no further.
//
//   name    outbox-receipt, always the first header
//   value   ADDRESS '#' TOKEN     udp:127.0.0.1:41235#0123456789abcdef
//
// The token is 8 bytes as 16 hexadecimal digits, new for each start of a producer. Who does not
// know it cannot make a receipt that the producer believes; who can read the outbox table can.

#include "outbox/base/bytes.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace outbox {

struct receipt_request {
    /// Of datagram.hpp; at most receipt_address_bytes_max.
    std::string address{};
    /// receipt_token_bytes of them.
    bytes token{};

    auto operator<=>(const receipt_request&) const = default;
};

inline constexpr std::size_t receipt_token_bytes = 8;
inline constexpr std::size_t receipt_address_bytes_max = 64;

/// Puts the request in front of `encoded_headers`, which are as encode_headers() made them.
void add_receipt_request(bytes& encoded_headers, const receipt_request& request);

/// Takes the header out again, if the first one is it, and returns what it says; nothing when it
/// says nothing that can be understood. Costs one comparison for a message without it. Any bytes
/// are safe.
std::optional<receipt_request> take_receipt_request(bytes& encoded_headers);

} // namespace outbox
