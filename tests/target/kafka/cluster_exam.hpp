#pragma once
// What a real Kafka server must make of our target, asked of every one that we have: unmodified
// Apache Kafka and outbox-broker. A program that includes this defines `start_cluster` and is that
// exam.

#include "harness/tcp_proxy.hpp"
#include "outbox/target/kafka/kafka_target.hpp"
#include "tests/target/kafka/messages.hpp"
#include "tests/target/kafka/record_reader.hpp"

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace outbox::kafka {

class cluster {
public:
    virtual ~cluster() = default;
    virtual std::uint16_t port() const = 0;
    virtual void kill() = 0;
    virtual void start() = 0;

    std::string brokers() const { return "127.0.0.1:" + std::to_string(port()); }
};

/// One server for the whole program, started at the first call.
cluster& the_cluster();

} // namespace outbox::kafka
