#pragma once
// A plain Kafka producer that sends as fast as it is acknowledged: idempotent, acks=all,
// librdkafka's usual linger.

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstddef>
#include <string>

namespace outbox::bench {

class load_producer {
public:
    load_producer(const std::string& brokers, const std::string& topic);
    ~load_producer();
    load_producer(const load_producer&) = delete;
    load_producer& operator=(const load_producer&) = delete;

    /// Keeps the queue filled for `time`, then waits for the rest. Returns how many messages were
    /// acknowledged; throws outbox::error when one was refused.
    long saturate(std::chrono::milliseconds time);
    /// Sends a message, waits for its acknowledgement, sends the next, for `time`.
    long one_by_one(std::chrono::milliseconds time);

private:
    static void acknowledged(rd_kafka_t*, const rd_kafka_message_t* report, void* self);
    bool send();

    rd_kafka_t* handle_ = nullptr;
    rd_kafka_topic_t* topic_ = nullptr;
    long sent_ = 0;
    long acked_ = 0;
    long failed_ = 0;
};

} // namespace outbox::bench
