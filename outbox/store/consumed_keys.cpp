#include "outbox/store/consumed_keys.hpp"

#include "outbox/base/hex.hpp"

namespace outbox {

std::vector<bytes> keys_from_hex(const std::vector<std::string>& texts) {
    std::vector<bytes> keys;
    keys.reserve(texts.size());
    for (const std::string& text : texts) {
        if (text.empty())
            continue;
        auto key = from_hex(text);
        if (!key)
            throw error(
                error_kind::corrupt,
                "the database answered \"" + text + "\" where a key in hexadecimal was asked for"
            );
        keys.push_back(*std::move(key));
    }
    return keys;
}

} // namespace outbox
