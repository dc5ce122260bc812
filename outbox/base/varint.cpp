#include "outbox/base/varint.hpp"

namespace outbox {

void append_varint(bytes& to, std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U)
        to.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
    to.push_back(static_cast<char>(value));
}

std::optional<std::uint64_t> take_varint(bytes_view& from) noexcept {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < from.size() && i < 10; ++i) {
        const auto byte = static_cast<unsigned char>(from[i]);
        if (i == 9 && byte > 1)
            return std::nullopt;
        value |= std::uint64_t{byte & 0x7fU} << (7U * i);
        if ((byte & 0x80U) == 0) {
            if (byte == 0 && i > 0)
                return std::nullopt;
            from.remove_prefix(i + 1);
            return value;
        }
    }
    return std::nullopt;
}

} // namespace outbox
