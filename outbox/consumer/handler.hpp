#pragma once
// What a consumer calls with each message: anything that takes a `const delivery&` and returns an
// `outcome`. A handler that returns nothing is refused by the compiler, because silence would have
// to mean something.

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/outcome.hpp"

#include <concepts>
#include <type_traits>

namespace outbox {

template <class Handler>
concept handler = std::invocable<Handler&, const delivery&> &&
    std::same_as<std::invoke_result_t<Handler&, const delivery&>, outcome>;

} // namespace outbox
