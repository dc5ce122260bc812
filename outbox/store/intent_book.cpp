#include "outbox/store/intent_book.hpp"

#include "outbox/base/crc32c.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/varint.hpp"

namespace outbox {
namespace {

constexpr char format_version = 1;
constexpr std::size_t check_bytes = 4;

} // namespace

bound_message bound(std::int64_t seq, const message_id& id) noexcept {
    return {.seq = seq, .id_check = crc32c(id.raw())};
}

bytes encode_bound(std::span<const bound_message> messages) {
    bytes out(1, format_version);
    std::uint64_t before = 0;
    for (const bound_message& m : messages) {
        append_varint(out, static_cast<std::uint64_t>(m.seq) - before);
        before = static_cast<std::uint64_t>(m.seq);
        for (unsigned shift = 32; shift > 0; shift -= 8)
            out.push_back(static_cast<char>(m.id_check >> (shift - 8)));
    }
    return out;
}

std::vector<bound_message> decode_bound(bytes_view data) {
    std::vector<bound_message> messages;
    bool whole = !data.empty() && data.front() == format_version;
    data.remove_prefix(data.empty() ? 0 : 1);
    messages.reserve(data.size() / (1 + check_bytes));
    std::uint64_t seq = 0;
    while (whole && !data.empty()) {
        const auto step = take_varint(data);
        whole = step && data.size() >= check_bytes;
        if (!whole)
            break;
        seq += *step;
        std::uint32_t check = 0;
        for (const char c : data.substr(0, check_bytes))
            check = check << 8U | static_cast<unsigned char>(c);
        data.remove_prefix(check_bytes);
        messages.push_back({.seq = static_cast<std::int64_t>(seq), .id_check = check});
    }
    if (!whole)
        throw error(
            error_kind::corrupt,
            "an intent of the outbox cannot be read",
            "which numbers its messages have is not known any more: a consumer that goes by "
            "numbers will apply them again. To go on, delete the row"
        );
    return messages;
}

} // namespace outbox
