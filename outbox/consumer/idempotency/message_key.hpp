#pragma once
// By what a message is recognised when it comes again: its id, or what the user takes for it, such
// as the number of an invoice. Always together with the name of the group.
//
//   message_key{d.id}
//   message_key{d.body().text("invoice")}

#include "outbox/base/bytes.hpp"
#include "outbox/message/message_id.hpp"

#include <cstddef>
#include <string>

namespace outbox {

/// Any bytes, 1 to 255 of them: an index entry. A longer one is refused, not cut and not hashed,
/// because two messages under one key would mean that one of them is never applied, and because SQL
/// in other languages must find the same row. Hash it yourself if you must.
inline constexpr std::size_t message_key_bytes_max = 255;

class message_key {
public:
    /// The 16 bytes of the id. Throws outbox::error (invalid_argument) for the nil id, which all
    /// messages without one would share.
    message_key(const message_id& id); // NOLINT: implicit on purpose
    /// Throws outbox::error (invalid_argument) if `text` is empty or too long.
    explicit message_key(std::string text);

    const bytes& raw() const noexcept { return raw_; }
    auto operator<=>(const message_key&) const = default;

private:
    bytes raw_;
};

} // namespace outbox
