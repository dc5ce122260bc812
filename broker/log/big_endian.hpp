#pragma once
// Numbers in network byte order, as Kafka and our own files hold them: written to a growing string,
// read back through a cursor that remembers the first time it ran out of bytes.

#include "outbox/base/bytes.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace outbox::broker {

template <std::integral Number>
Number load_big_endian(const char* from) noexcept {
    using bits = std::make_unsigned_t<Number>;
    bits value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        value = static_cast<bits>(
            (static_cast<std::uint64_t>(value) << 8) | static_cast<unsigned char>(from[i])
        );
    return static_cast<Number>(value);
}

template <std::integral Number>
void store_big_endian(char* to, Number number) noexcept {
    auto value = static_cast<std::make_unsigned_t<Number>>(number);
    for (std::size_t i = sizeof(Number); i-- > 0;) {
        to[i] = static_cast<char>(value & 0xff);
        value = static_cast<std::make_unsigned_t<Number>>(static_cast<std::uint64_t>(value) >> 8);
    }
}

template <std::integral Number>
void append_big_endian(bytes& out, Number number) {
    char text[sizeof(Number)];
    store_big_endian(text, number);
    out.append(text, sizeof(Number));
}

/// Texts are stored as a 32-bit length and the bytes.
inline void append_text(bytes& out, bytes_view text) {
    append_big_endian(out, static_cast<std::uint32_t>(text.size()));
    out.append(text);
}

/// Reads what append_big_endian and append_text wrote. After the end everything reads as zero and
/// ok() is false.
class big_endian_reader {
public:
    explicit big_endian_reader(bytes_view data) noexcept : rest_(data) {}

    template <std::integral Number>
    Number number() noexcept {
        const bytes_view raw = take(sizeof(Number));
        return raw.empty() ? Number{} : load_big_endian<Number>(raw.data());
    }
    bytes_view text() noexcept { return take(number<std::uint32_t>()); }
    bytes_view take(std::size_t size) noexcept {
        if (!ok_ || rest_.size() < size) {
            ok_ = false;
            return {};
        }
        const bytes_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    bool ok() const noexcept { return ok_; }
    bool at_end() const noexcept { return ok_ && rest_.empty(); }
    std::size_t left() const noexcept { return rest_.size(); }

private:
    bytes_view rest_;
    bool ok_ = true;
};

} // namespace outbox::broker
