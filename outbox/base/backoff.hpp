#pragma once
// How long to wait before trying again: doubling, with jitter so that many relays do not knock
// together.

#include "outbox/base/random.hpp"

#include <chrono>

namespace outbox {

struct backoff_policy {
    std::chrono::milliseconds first{50};
    std::chrono::milliseconds longest{5'000};
};

/// The wait after `failures` failures in a row (1 or more): between half of and the whole of first
/// * 2^(failures-1), never above `longest`.
std::chrono::milliseconds
backoff(const backoff_policy& policy, int failures, random_source& random);

} // namespace outbox
