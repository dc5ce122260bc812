#include "outbox/message/receipt_request.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/message/header.hpp"

namespace outbox {
namespace {

// Of the format in codec.hpp: byte 1 · u16 count, then the first header.
constexpr std::size_t preamble_bytes = 3;
constexpr std::size_t name_at = preamble_bytes + 2;
constexpr std::size_t value_at = name_at + header_name::receipt.size() + 4;

std::size_t number(bytes_view data, std::size_t at, std::size_t width) noexcept {
    std::size_t value = 0;
    for (const char c : data.substr(at, width))
        value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

void write_count(bytes& encoded, std::size_t count) {
    encoded[1] = static_cast<char>(count >> 8U);
    encoded[2] = static_cast<char>(count);
}

std::optional<receipt_request> parse(bytes_view value) {
    const auto hash = value.rfind('#');
    if (hash == bytes_view::npos || hash > receipt_address_bytes_max)
        return std::nullopt;
    auto token = from_hex(value.substr(hash + 1));
    if (!token || token->size() != receipt_token_bytes)
        return std::nullopt;
    return receipt_request{std::string{value.substr(0, hash)}, std::move(*token)};
}

} // namespace

void add_receipt_request(bytes& encoded_headers, const receipt_request& request) {
    bytes made = encode_headers(
        {{std::string{header_name::receipt}, request.address + "#" + to_hex(request.token)}}
    );
    if (!encoded_headers.empty()) {
        write_count(made, number(encoded_headers, 1, 2) + 1);
        made.append(encoded_headers, preamble_bytes);
    }
    encoded_headers = std::move(made);
}

std::optional<receipt_request> take_receipt_request(bytes& encoded_headers) {
    const bytes_view all{encoded_headers};
    if (all.size() < value_at ||
        all.substr(name_at, header_name::receipt.size()) != header_name::receipt)
        return std::nullopt;
    const std::size_t count = number(all, 1, 2);
    const std::size_t size = number(all, value_at - 4, 4);
    // Not ours after all, or damaged: then the whole of it is refused where it is decoded.
    if (all[0] != 1 || count == 0 ||
        number(all, preamble_bytes, 2) != header_name::receipt.size() ||
        size > all.size() - value_at)
        return std::nullopt;
    auto request = parse(all.substr(value_at, size));
    if (count == 1 && all.size() == value_at + size) {
        encoded_headers.clear();
    } else {
        encoded_headers.erase(preamble_bytes, value_at - preamble_bytes + size);
        write_count(encoded_headers, count - 1);
    }
    return request;
}

} // namespace outbox
