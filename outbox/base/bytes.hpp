#pragma once
// How this project holds bytes: owned in `bytes`, looked at through `bytes_view`.
// They are the standard string types because every database driver, librdkafka and the standard
// library take those without a copy. Nothing here is text and nothing ends at a NUL.

#include <string>
#include <string_view>

namespace outbox {

using bytes = std::string;
using bytes_view = std::string_view;

/// Empties `held` and gives its memory back, which no assignment does.
inline void release(bytes& held) noexcept {
    bytes{}.swap(held);
}

} // namespace outbox
