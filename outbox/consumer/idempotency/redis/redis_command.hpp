#pragma once
// How the Redis client that you have comes in: one function that runs a command and gives its
// reply. For hiredis it is in hiredis.hpp; for another it is a few lines, see docs/idempotency.md.

#include "outbox/base/bytes.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace outbox {

struct redis_reply {
    enum class kind { nil, text, number, list, error };

    kind what = kind::nil;
    /// Of a text, simple or bulk, and of an error: "WRONGTYPE Operation against …".
    bytes text{};
    std::int64_t number = 0;
    std::vector<redis_reply> list{};
};

/// Runs one command, such as {"get", "k"}. The arguments are bytes: nothing in them is special. An
/// error reply is returned, not thrown. Throws outbox::error (unreachable) when no reply came,
/// whether or not the command has reached the server, within a time limit of the client's own.
using redis_command = std::function<redis_reply(std::span<const bytes_view> arguments)>;

} // namespace outbox
