#pragma once
// The shop's books against the consumer's: what the demo and the crash tests are judged by.

#include "tools/demo/audience.hpp"
#include "tools/demo/shop.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace outbox::demo {

struct account {
    std::size_t delivered = 0;
    std::size_t lost = 0;
    std::size_t phantom = 0;
    std::size_t duplicate_deliveries = 0;
    std::size_t duplicate_effects = 0;
    std::size_t order_breaks = 0;
    /// One line for each message that is at fault, the first few.
    std::vector<std::string> names{};

    bool holds() const noexcept { return lost + phantom + duplicate_effects + order_breaks == 0; }
};

/// Precondition: `seen` has been stopped.
account draw_account(const std::vector<placed_order>& books, const audience& seen);

} // namespace outbox::demo
