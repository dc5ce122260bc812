#pragma once
// Claims of idempotency checkers in Redis 6 or later, or whatever speaks its protocol.
//
//   outbox::idempotency_checker checker{billing, [] {
//       return outbox::open_redis_claims(outbox::connect_hiredis({.host = "10.0.0.5"}), keep);
//   }};
//
// Each step is one script, so it is atomic; it is sent by its hash, and whole where the server does
// not know it yet. A claim is a key that expires with its lease; what is done is a key that expires
// with its retention: Redis forgets by itself, by its own clock.
//
// A Redis that evicts keys is refused: it would forget what is done. One that loses its last second
// when it is killed (appendfsync everysec), or fails over to a replica, forgets a little: effects
// then happen twice, and none is lost.

#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/redis/redis_command.hpp"
#include "outbox/consumer/idempotency/retention.hpp"
#include "outbox/store/claim_store.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace outbox {

/// A claim's key is this, the group, ':' and the message key.
inline constexpr std::string_view redis_claim_prefix = "outbox:claim:";

/// Throws outbox::error: unreachable; rejected when the server evicts keys, or its user may not run
/// what is needed.
std::unique_ptr<claim_store> open_redis_claims(
    redis_command run,
    const retention& keep,
    std::string prefix = std::string{redis_claim_prefix}
);

/// What an error reply means for us: unreachable for what passes by itself or on another
/// connection (LOADING, READONLY, BUSY, …), rejected for what somebody must mend (NOPERM, OOM, …),
/// corrupt for a key that is not ours.
error make_redis_error(std::string_view reply, const std::string& doing);

} // namespace outbox
