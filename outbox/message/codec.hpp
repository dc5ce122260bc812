#pragma once
// The `headers` column: how a list of headers is one string of bytes. Plain enough to be written in
// SQL.
//
//   no headers      empty
//   else            byte 1 (version) · u16 count · count × (u16 name length · name · u32 value
//   length · value)
//
// Numbers are unsigned, most significant byte first. The format never changes for version 1; golden
// bytes hold it.

#include "outbox/base/bytes.hpp"
#include "outbox/message/header.hpp"

namespace outbox {

/// Throws outbox::error (invalid_argument) when a count or a length is beyond the limits of
/// header.hpp.
bytes encode_headers(const headers& all);

/// Puts `more` behind what `encoded` has, without looking into it: bytes that decode_headers()
/// refuses are refused afterwards, too. Throws as encode_headers() does, for `more` alone.
void append_headers(bytes& encoded, const headers& more);

/// Throws outbox::error (corrupt) when `data` is not what encode_headers() makes. Allocates no more
/// than `data` holds.
headers decode_headers(bytes_view data);

} // namespace outbox
