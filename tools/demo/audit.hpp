#pragma once
// The account of the demo and of the crash tests: the shop's own table of orders against what the
// audience saw arrive and against the points that were given.

#include "harness/ledger.hpp"
#include "tools/demo/audience.hpp"
#include "tools/demo/points.hpp"
#include "tools/demo/shop.hpp"

#include <cstdint>
#include <vector>

namespace outbox::demo {

struct account {
    harness::verdict messages{};
    /// Points that a customer got for an order before the point for an earlier one.
    std::int64_t effects_out_of_order = 0;
    /// Of effects that may repeat.
    std::int64_t repeated_effects = 0;
    /// The customers' points and the account of them differ: half of a transaction happened.
    std::int64_t points_unaccounted = 0;

    bool ok() const noexcept {
        return messages.ok() && effects_out_of_order == 0 && points_unaccounted == 0;
    }
    std::int64_t duplicate_effects() const noexcept {
        return messages.duplicate_effect_count + repeated_effects;
    }
    std::int64_t order_breaks() const noexcept {
        return static_cast<std::int64_t>(messages.reordered.size()) + effects_out_of_order;
    }
};

account audit(const std::vector<placed_order>& books, const audience& seen, points_book& points);

} // namespace outbox::demo
