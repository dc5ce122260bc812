#pragma once
// Appends big-endian fields to a buffer that the caller owns. Nothing here can fail except for lack
// of memory.

#include "outbox/base/bytes.hpp"

#include <cstddef>
#include <cstdint>

namespace outbox::wire {

class writer {
public:
    explicit writer(bytes& out) noexcept : out_(out) {}

    void int8(std::int8_t value) { fixed<1>(static_cast<std::uint8_t>(value)); }
    void int16(std::int16_t value) { fixed<2>(static_cast<std::uint16_t>(value)); }
    void int32(std::int32_t value) { fixed<4>(static_cast<std::uint32_t>(value)); }
    void int64(std::int64_t value) { fixed<8>(static_cast<std::uint64_t>(value)); }
    void uint32(std::uint32_t value) { fixed<4>(value); }

    void uvarint(std::uint32_t value) { base128(value); }
    void varint(std::int32_t value) {
        base128(static_cast<std::uint32_t>(value) << 1 ^ static_cast<std::uint32_t>(value >> 31));
    }
    void varlong(std::int64_t value) {
        base128(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
    }

    void raw(bytes_view data) { out_.append(data); }

    std::size_t size() const noexcept { return out_.size(); }

private:
    template <std::size_t Size>
    void fixed(std::uint64_t value) {
        char packed[Size];
        for (std::size_t i = 0; i < Size; ++i)
            packed[i] = static_cast<char>(value >> (8 * (Size - 1 - i)));
        out_.append(packed, Size);
    }

    void base128(std::uint64_t value) {
        while (value >= 0x80) {
            out_.push_back(static_cast<char>((value & 0x7f) | 0x80));
            value >>= 7;
        }
        out_.push_back(static_cast<char>(value));
    }

    bytes& out_;
};

} // namespace outbox::wire
