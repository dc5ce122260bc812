#pragma once
// What can be wrong with bytes that a peer sent. One enum for the whole floor; convertible to
// std::error_code.

#include <system_error>

namespace outbox::wire {

enum class decode_error {
    truncated = 1,       // the bytes end inside a field
    bad_length,          // a length below -1, or null where null is not allowed
    bad_count,           // an array announces more elements than the remaining bytes can hold
    bad_varint,          // a variable-length number with too many bytes
    too_many_tags,       // more tagged fields than tagged_fields_max
    trailing_bytes,      // the message ended before the frame did
    frame_too_large,     // a frame length above its limit
    frame_too_small,     // a frame that cannot hold a request header, or a negative length
    unknown_api,         // an API key that is not in the list
    unsupported_version, // a version outside the announced range
};

const std::error_category& decode_category() noexcept;
std::error_code make_error_code(decode_error e) noexcept;

} // namespace outbox::wire

template <>
struct std::is_error_code_enum<outbox::wire::decode_error> : std::true_type {};
