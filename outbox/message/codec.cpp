#include "outbox/message/codec.hpp"

#include "outbox/base/error.hpp"

#include <cstdint>

namespace outbox {
namespace {

constexpr char format_version = 1;
// Byte 1 and the count.
constexpr std::size_t preamble_bytes = 3;

void put(bytes& out, std::uint64_t value, unsigned width) {
    for (unsigned i = width; i-- > 0;)
        out += static_cast<char>(value >> (8U * i));
}

// Takes from the front; once anything was missing every later answer is empty and `failed` stays
// set.
class reader {
public:
    explicit reader(bytes_view data) noexcept : rest_(data) {}

    bytes_view take(std::size_t count) noexcept {
        if (failed_ || count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const bytes_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::size_t number(unsigned width) noexcept {
        std::size_t value = 0;
        for (const char c : take(width))
            value = value << 8U | static_cast<unsigned char>(c);
        return value;
    }

    bool failed() const noexcept { return failed_; }
    bool at_end() const noexcept { return !failed_ && rest_.empty(); }

private:
    bytes_view rest_;
    bool failed_ = false;
};

} // namespace

bytes encode_headers(const headers& all) {
    if (all.empty())
        return {};
    if (all.size() > header_count_max)
        throw error(
            error_kind::invalid_argument,
            "a message has " + std::to_string(all.size()) + " headers",
            "at most 100 are allowed"
        );
    bytes out;
    put(out, format_version, 1);
    put(out, all.size(), 2);
    for (const header& h : all) {
        if (h.name.empty() || h.name.size() > header_name_bytes_max)
            throw error(
                error_kind::invalid_argument,
                "a header's name has " + std::to_string(h.name.size()) + " bytes",
                "a name has 1 to 255 bytes"
            );
        if (h.value.size() > UINT32_MAX)
            throw error(
                error_kind::invalid_argument,
                "the value of header \"" + h.name + "\" is too long"
            );
        put(out, h.name.size(), 2);
        out += h.name;
        put(out, h.value.size(), 4);
        out += h.value;
    }
    return out;
}

void append_headers(bytes& encoded, const headers& more) {
    const bytes added = encode_headers(more);
    if (encoded.empty() || added.empty()) {
        encoded += added;
        return;
    }
    reader in{encoded};
    const bool version_known = in.number(1) == format_version;
    const std::size_t count = in.number(2) + more.size();
    if (in.failed() || !version_known || count > UINT16_MAX)
        return; // refused where it is decoded, as it is
    encoded[1] = static_cast<char>(count >> 8U);
    encoded[2] = static_cast<char>(count);
    encoded.append(added, preamble_bytes);
}

headers decode_headers(bytes_view data) {
    headers all;
    if (data.empty())
        return all;
    reader in{data};
    const bool version_known = in.number(1) == format_version;
    const std::size_t count = in.number(2);
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        const bytes_view name = in.take(in.number(2));
        const bytes_view value = in.take(in.number(4));
        if (!in.failed())
            all.push_back({std::string{name}, bytes{value}});
    }
    if (!version_known || !in.at_end())
        throw error(
            error_kind::corrupt,
            "the headers of a message cannot be read",
            "a row of the outbox table was written by something that does not know the format of "
            "the headers column"
        );
    return all;
}

} // namespace outbox
