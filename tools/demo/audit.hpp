#pragma once
// The shop's books against the consumer's: what the demo and the crash tests are judged by.

#include "harness/ledger.hpp"
#include "tools/demo/audience.hpp"
#include "tools/demo/shop.hpp"

#include <vector>

namespace outbox::demo {

/// Precondition: `seen` has been stopped.
harness::verdict audit(const std::vector<placed_order>& books, const audience& seen);

} // namespace outbox::demo
