#include "outbox/testing/sent_message.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/message/receipt_request.hpp"

#include <algorithm>

namespace outbox::testing {
namespace {

constexpr std::size_t shown_bytes_max = 200;

std::string show(bytes_view value) {
    const bool text = std::all_of(value.begin(), value.end(), [](char c) {
        return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
    });
    const std::string shown{value.substr(0, shown_bytes_max)};
    return (text ? shown : "0x" + to_hex(shown)) + (value.size() > shown_bytes_max ? "…" : "");
}

} // namespace

std::optional<bytes> sent_message::property(std::string_view name) const {
    const bytes* found = find_header(properties, name);
    return found != nullptr ? std::optional{*found} : std::nullopt;
}

sent_message take_apart(const envelope& row) {
    sent_message made;
    made.id = row.id;
    made.subject = row.subject;
    made.payload = row.payload;
    made.key = row.key;
    made.deliver = row.deliver;
    bytes encoded = row.headers;
    static_cast<void>(take_receipt_request(encoded)); // the relay's business, gone when it arrives
    for (header& h : decode_headers(encoded)) {
        if (h.name == header_name::tag)
            made.tags.push_back(std::move(h.value));
        else if (h.name == header_name::content_type)
            made.content_type = std::move(h.value);
        else
            made.properties.push_back(std::move(h));
    }
    return made;
}

std::string describe(const sent_message& m) {
    std::string text = m.subject;
    if (m.key)
        text += ", key " + show(*m.key);
    for (const std::string& tag : m.tags)
        text += ", tag " + tag;
    for (const header& h : m.properties)
        text += ", " + h.name + "=" + show(h.value);
    if (m.deliver)
        text += ", scheduled";
    return text + ": " + (m.payload.empty() ? "(empty)" : show(m.payload));
}

} // namespace outbox::testing
