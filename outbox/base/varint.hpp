#pragma once
// Small numbers in few bytes: seven bits a byte, the lowest first, the top bit set on all but the
// last (LEB128, as Protocol Buffers have it:
// https://protobuf.dev/programming-guides/encoding/#varints).

#include "outbox/base/bytes.hpp"

#include <cstdint>
#include <optional>

namespace outbox {

void append_varint(bytes& to, std::uint64_t value);

/// Takes a number from the front of `from`. Nothing, and `from` as it was, when it ends too early,
/// when the number has more than 64 bits, or when it could have been written shorter: one number
/// has one form.
std::optional<std::uint64_t> take_varint(bytes_view& from) noexcept;

} // namespace outbox
