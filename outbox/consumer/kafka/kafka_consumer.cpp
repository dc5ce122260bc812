#include "outbox/consumer/kafka/kafka_consumer.hpp"

#include "outbox/consumer/kafka/kafka_source.hpp"

namespace outbox {

std::unique_ptr<record_source> make_kafka_source(kafka_source_options options) {
    return std::make_unique<kafka::kafka_source>(std::move(options));
}

} // namespace outbox
