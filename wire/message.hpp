#pragma once
// The two verbs of this floor: a message to bytes and back, at one version of its API. They are
// compiled once, beside the field tables (wire/api/*.cpp); including this header costs a caller
// nothing but two declarations.

#include "outbox/base/bytes.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <cstdint>

namespace outbox::wire {

/// Appends the body of `message` (no header). `version` must be one that Message::api knows.
template <class Message>
void encode(writer& out, const Message& message, std::int16_t version);

/// Reads one body; failures are in `in`. Views in `out` point into the bytes that `in` reads. Never
/// allocates more than a small constant times the bytes that remain, whatever they claim.
template <class Message>
void decode(reader& in, Message& out, std::int16_t version);

template <class Message>
bytes encoded(const Message& message, std::int16_t version) {
    bytes out;
    writer w(out);
    encode(w, message, version);
    return out;
}

} // namespace outbox::wire
