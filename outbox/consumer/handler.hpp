#pragma once
// What a consumer calls with each message: anything that takes a `const delivery&` and returns an
// `outcome`. A handler that returns nothing is refused by the compiler, because silence would have
// to mean something.

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/outcome.hpp"

#include <concepts>
#include <functional>
#include <span>
#include <type_traits>
#include <vector>

namespace outbox {

template <class Handler>
concept handler = std::invocable<Handler&, const delivery&> &&
    std::same_as<std::invoke_result_t<Handler&, const delivery&>, outcome>;

/// For several messages in one call: one outcome for each, in their order.
template <class Handler>
concept batch_handler = std::invocable<Handler&, std::span<const delivery* const>> && std::
    same_as<std::invoke_result_t<Handler&, std::span<const delivery* const>>, std::vector<outcome>>;

/// Either, as the consumer's threads know it: adds what each message has come to.
using handler_function =
    std::function<void(std::span<const delivery* const>, std::vector<outcome>&)>;

} // namespace outbox
