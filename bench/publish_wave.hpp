#pragma once
// Messages on their way to a broker as a relay sends them, for what is not a relay.

#include "outbox/message/envelope.hpp"
#include "outbox/target/kafka/kafka_target.hpp"

#include <span>

namespace outbox::bench {

/// As large as those of a relay.
inline constexpr int wave_size = 5'000;

/// Returns when all are acknowledged; throws outbox::error when one is not.
void publish_wave(kafka_target& to, std::span<const stored_message> messages);

} // namespace outbox::bench
