#include "outbox/message/names.hpp"

#include "outbox/base/error.hpp"

namespace outbox {
namespace {

// What an error shows of a text that may be long or unprintable.
std::string quoted(std::string_view text) {
    constexpr std::size_t shown_max = 60;
    std::string out = "\"";
    for (const char c : text.substr(0, shown_max))
        out += c < ' ' || c > '~' ? '?' : c;
    return out + (text.size() > shown_max ? "…\"" : "\"");
}

} // namespace

subject subject::parse(std::string text) {
    if (!is_subject(text))
        throw error(
            error_kind::invalid_argument,
            "bad subject " + quoted(text),
            "a subject has 1 to 249 letters, digits, dots, underscores and hyphens, and is not "
            "\".\" or \"..\""
        );
    return {unchecked{}, std::move(text)};
}

order_key::order_key(std::string bytes) : bytes_(std::move(bytes)) {
    if (bytes_.empty() || bytes_.size() > order_key_bytes_max)
        throw error(
            error_kind::invalid_argument,
            "bad order key of " + std::to_string(bytes_.size()) + " bytes",
            "an order key has 1 to 512 bytes; leave it out for a message without order"
        );
}

tag tag::parse(std::string text) {
    if (!is_tag(text))
        throw error(
            error_kind::invalid_argument,
            "bad tag " + quoted(text),
            "a tag has 1 to 64 printable ASCII characters without space, comma and bar"
        );
    return {unchecked{}, std::move(text)};
}

} // namespace outbox
