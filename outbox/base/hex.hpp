#pragma once
// Bytes as lower-case hexadecimal text and back: ids, golden files, SQL literals.

#include "outbox/base/bytes.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace outbox {

std::string to_hex(bytes_view data);

/// Nothing if `text` has an odd length or a character that is not a hexadecimal digit.
std::optional<bytes> from_hex(std::string_view text);

} // namespace outbox
