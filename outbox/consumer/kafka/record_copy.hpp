#pragma once
// From a message of librdkafka to a record that knows nothing of it.

#include "outbox/consumer/record.hpp"

#include <librdkafka/rdkafka.h>

namespace outbox::kafka {

/// A copy: the client cannot end before all its messages are given back, and a handler may keep a
/// delivery for as long as it likes.
record copy_record(const rd_kafka_message_t& message);

} // namespace outbox::kafka
