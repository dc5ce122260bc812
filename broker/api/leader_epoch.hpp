#pragma once
// The check of the epoch that a client believes in. There is one leader and one epoch per run of
// the broker: a smaller one means that the client has not noticed a restart, after which records
// that were never flushed may be gone.

#include "wire/error_code.hpp"

#include <cstdint>

namespace outbox::broker {

constexpr wire::error_code check_leader_epoch(std::int32_t client, std::int32_t ours) noexcept {
    if (client < 0 || client == ours)
        return wire::error_code::none;
    return client < ours ? wire::error_code::fenced_leader_epoch
                         : wire::error_code::unknown_leader_epoch;
}

} // namespace outbox::broker
