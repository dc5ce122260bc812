#pragma once
// How a client of librdkafka is set up that reads for a group.

#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/librdkafka/configuration.hpp"

namespace outbox::kafka {

/// `tells_ends`: that the end of a partition is reached is told, each time.
///
/// Fills in what reading needs, and then what the user wants. Throws outbox::error
/// (invalid_argument) for a property that librdkafka does not know, or that is ours.
void configure_consumer(
    configuration& conf,
    const kafka_source_options& options,
    const group_name& group,
    bool tells_ends
);

} // namespace outbox::kafka
