#pragma once
// From what the user wants to what the machine and the source are told.

#include "outbox/consumer/consumer_machine.hpp"
#include "outbox/consumer/consumer_options.hpp"
#include "outbox/consumer/record_source.hpp"

#include <cstddef>

namespace outbox {

/// Precondition: options.check() passed.
consumer_settings settings_of(const consumer_options& options, std::size_t batch_count_max);
subscription subscription_of(const consumer_options& options, const consumer_settings& settings);

} // namespace outbox
