#pragma once
// The seam between an idempotency checker and the place that keeps its claims: a database with the
// outbox tables, Redis, or memory. One object is one connection and belongs to one thread. Every
// call is one atomic step, has a deadline of its own, and throws outbox::error; `unreachable` means
// that the connection is gone, that nobody knows whether the step was taken, and that the object
// must be replaced. Each step may be taken again with the same token and then says the same.
//
// What the steps amount to is written down once, in claim_record.hpp. Time is that of the place,
// never that of the caller.

#include "outbox/base/bytes.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace outbox {

struct claim_key {
    std::string_view group{};
    bytes_view key{};
};

/// 16 bytes that no other claim has.
inline constexpr std::size_t claim_token_bytes = 16;

/// What stands under a key after a step.
struct claim_view {
    bytes token{};
    bool done = false;
    /// Of the lease, if it is not done; not below zero.
    std::chrono::milliseconds remaining{};
};

class claim_store {
public:
    virtual ~claim_store() = default;

    /// Takes what nobody holds, whose lease is over, or what this token holds already; leaves
    /// everything else as it is. Nothing: it was released at this very moment.
    virtual std::optional<claim_view>
    claim(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) = 0;
    /// Marks it done, unless the lease of another token runs or another has done it: false.
    virtual bool complete(const claim_key& key, bytes_view token) = 0;
    /// Prolongs a lease that still runs: from now on for `hold`. False: it is over, or another's.
    virtual bool extend(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) = 0;
    /// Gives it back. Not what is done, and not what another token holds.
    virtual void release(const claim_key& key, bytes_view token) = 0;
    /// Removes what was done, or claimed and left, longer than `age` ago, of all groups, at most
    /// `rows_max`. Returns how many.
    virtual std::size_t forget_before(std::chrono::seconds age, std::size_t rows_max) = 0;
};

} // namespace outbox
