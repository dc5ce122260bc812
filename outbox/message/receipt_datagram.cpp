#include "outbox/message/receipt_datagram.hpp"

#include <algorithm>

namespace outbox {
namespace {

constexpr bytes_view magic{"OR\x01", 3};
constexpr std::uint64_t wire_delivered = 1;
constexpr std::uint64_t wire_rejected = 2;
constexpr std::size_t fixed_entry_bytes = message_id::size_bytes + 1 + 2 + 4 + 8 + 1;

void put(bytes& out, std::uint64_t value, unsigned width) {
    for (unsigned i = width; i-- > 0;)
        out += static_cast<char>(value >> (8U * i));
}

// Takes from the front; the caller has made sure that it is there.
class reader {
public:
    explicit reader(bytes_view data) noexcept : rest_(data) {}
    bytes_view take(std::size_t count) noexcept {
        const bytes_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    std::uint64_t number(std::size_t width) noexcept {
        std::uint64_t value = 0;
        for (const char c : take(width))
            value = value << 8U | static_cast<unsigned char>(c);
        return value;
    }
    std::size_t left() const noexcept { return rest_.size(); }

private:
    bytes_view rest_;
};

// Where the last whole character of the first `size_max` bytes ends.
std::size_t cut_at_character(std::string_view text, std::size_t size_max) noexcept {
    if (text.size() <= size_max)
        return text.size();
    std::size_t end = size_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U)
        --end;
    return end;
}

} // namespace

std::vector<bytes> encode_receipts(bytes_view token, std::span<const receipt_note> notes) {
    std::vector<bytes> datagrams;
    for (const receipt_note& note : notes) {
        const std::size_t reason = cut_at_character(note.reason, receipt_reason_bytes_max);
        if (datagrams.empty() ||
            datagrams.back().size() + fixed_entry_bytes + reason > receipt_datagram_bytes_max) {
            datagrams.emplace_back(magic);
            datagrams.back() += token;
        }
        bytes& out = datagrams.back();
        out += note.id.raw();
        put(out, note.fate == send_fate::rejected ? wire_rejected : wire_delivered, 1);
        put(out, std::min<std::uint32_t>(note.attempts, UINT16_MAX), 2);
        put(out, static_cast<std::uint32_t>(note.position.partition), 4);
        put(out, static_cast<std::uint64_t>(note.position.offset), 8);
        put(out, reason, 1);
        out.append(note.reason, 0, reason);
    }
    return datagrams;
}

std::optional<std::vector<receipt_note>> decode_receipts(bytes_view token, bytes_view datagram) {
    if (datagram.size() > receipt_datagram_bytes_max || !datagram.starts_with(magic))
        return std::nullopt;
    datagram.remove_prefix(magic.size());
    if (token.empty() || !datagram.starts_with(token))
        return std::nullopt;
    reader in{datagram.substr(token.size())};
    std::vector<receipt_note> notes;
    while (in.left() > 0) {
        if (in.left() < fixed_entry_bytes)
            return std::nullopt;
        receipt_note note;
        note.id = *message_id::from_bytes(in.take(message_id::size_bytes));
        const std::uint64_t fate = in.number(1);
        if (fate != wire_delivered && fate != wire_rejected)
            return std::nullopt;
        note.fate = fate == wire_rejected ? send_fate::rejected : send_fate::delivered;
        note.attempts = static_cast<std::uint32_t>(in.number(2));
        note.position.partition =
            static_cast<std::int32_t>(static_cast<std::uint32_t>(in.number(4)));
        note.position.offset = static_cast<std::int64_t>(in.number(8));
        const std::size_t reason = in.number(1);
        if (reason > in.left())
            return std::nullopt;
        note.reason = in.take(reason);
        std::replace_if(
            note.reason.begin(),
            note.reason.end(),
            [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; },
            '?'
        );
        notes.push_back(std::move(note));
    }
    if (notes.empty())
        return std::nullopt;
    return notes;
}

} // namespace outbox
