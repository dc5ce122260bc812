#pragma once
// One API, one file, one line here. What the broker announces, dispatches and counts comes from
// this list: a new API is its file, its declaration, and its line.

#include "broker/api/call.hpp"
#include "broker/api/core.hpp"
#include "wire/api_key.hpp"

#include <cstdint>
#include <span>

namespace outbox::broker {

struct api_entry {
    wire::api_key key;
    const char* name;
    wire::version_range versions; // announced and dispatched
    void (*handle)(core& broker, incoming request);
};

/// Sorted by key.
std::span<const api_entry> api_entries() noexcept;

/// Reads the header of `frame`, finds the handler and calls it. What cannot be understood ends its
/// connection, with a reason that says what and why; an unknown version of ApiVersions alone is
/// answered. Loop's thread only.
void dispatch(core& broker, bytes frame, responder back);

} // namespace outbox::broker
