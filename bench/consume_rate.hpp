#pragma once
// Messages on their way from our broker to a handler that does nothing, through outbox::consumer
// and through librdkafka with nothing around it.

#include "harness/broker_server.hpp"
#include "outbox/consumer/consumer_options.hpp"

#include <cstddef>
#include <string>

namespace outbox::bench {

/// A broker with one topic of `count` messages, as a relay sends them. Each call reads all of them,
/// as a new group, and returns messages per second from the first to the last; throws outbox::error
/// when they do not come.
class full_topic {
public:
    explicit full_topic(long count);

    double read_by_librdkafka();
    /// With `batch` messages a call, if it is more than 1.
    double read_by_consumer(consume_order order, std::size_t batch);

private:
    std::string next_group();

    harness::broker_server broker_;
    long count_;
    int groups_ = 0;
};

} // namespace outbox::bench
