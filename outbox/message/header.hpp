#pragma once
// A named value that travels beside the payload. What the library itself says in headers is named
// here, once.

#include "outbox/base/bytes.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace outbox {

struct header {
    std::string name{};
    bytes value{};

    bool operator==(const header&) const = default;
};

using headers = std::vector<header>;

namespace header_name {
/// Set by the relay when it delivers: the message id as 36 characters.
inline constexpr std::string_view message_id = "outbox-id";
/// One header per tag, in the order in which they were given.
inline constexpr std::string_view tag = "outbox-tag";
/// MIME type of the payload; absent when the sender said nothing about it.
inline constexpr std::string_view content_type = "content-type";
/// Whom the relay tells that it has delivered; taken out before delivery. See receipt_request.hpp.
inline constexpr std::string_view receipt = "outbox-receipt";
/// Of a numbered message, set by the relay when it reads it: who counts (32 hexadecimal digits),
/// the shard, and the number, counted from 1. See docs/numbering.md.
inline constexpr std::string_view source = "outbox-source";
inline constexpr std::string_view shard = "outbox-shard";
inline constexpr std::string_view number = "outbox-number";
/// Names with this beginning belong to the library; a user's property may not use it.
inline constexpr std::string_view reserved_prefix = "outbox-";
} // namespace header_name

/// At most this many headers of one message, tags and content type included.
inline constexpr std::size_t header_count_max = 100;
/// A header's name has 1 to this many bytes.
inline constexpr std::size_t header_name_bytes_max = 255;

/// The first value under `name`, or nothing. The view lives as long as `all`.
const bytes* find_header(const headers& all, std::string_view name) noexcept;

} // namespace outbox
