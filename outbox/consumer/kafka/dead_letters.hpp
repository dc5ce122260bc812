#pragma once
// The dead-letter topics of a cluster, for people and programs that look after them: what is there,
// what it says, and back to where it came from. Each call connects, does its work and is gone. All
// throw outbox::error: unreachable when no broker answers, rejected when one refuses.

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/consumer/record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace outbox {

struct dead_letter_count {
    std::string topic{};
    /// Records in it.
    std::int64_t total = 0;
    /// Those that resend_dead_letters() has not sent back yet.
    std::int64_t waiting = 0;
};

struct dead_letter {
    outbox::record record{};
    record_position at{};
};

/// Every topic whose name ends in ".dlt", by name.
std::vector<dead_letter_count> count_dead_letters(
    const kafka_source_options& where,
    std::chrono::milliseconds patience = std::chrono::seconds{10}
);

/// Every record of `topic` that is there now, in the order of each partition, until `each` says
/// false. Changes nothing.
void read_dead_letters(
    const kafka_source_options& where,
    const std::string& topic,
    const std::function<bool(const dead_letter&)>& each,
    std::chrono::milliseconds patience = std::chrono::seconds{30}
);

/// Sends what waits in `topic` back to the topics of its origin, as it was before it failed, in the
/// order of each partition. What was sent back is remembered by the broker, as the progress of the
/// group "outbox-dead", and not sent again; a crash in between may send some twice. The records
/// stay in the dead-letter topic until its retention ends. Returns how many were sent.
std::size_t resend_dead_letters(
    const kafka_source_options& where,
    const std::string& topic,
    std::chrono::milliseconds patience = std::chrono::seconds{30}
);

/// Sends one of them back, whether it was sent before or not. Throws outbox::error
/// (invalid_argument) when it is not there.
void resend_dead_letter(
    const kafka_source_options& where,
    const record_position& which,
    std::chrono::milliseconds patience = std::chrono::seconds{30}
);

} // namespace outbox
