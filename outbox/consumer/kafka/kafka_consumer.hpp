#pragma once
// A consumer that reads from outbox-broker, Apache Kafka, and whatever speaks its protocol.
//
//   outbox::kafka_consumer consumer{
//       {.brokers = "127.0.0.1:9092"}, {.group = billing, .subjects = {order_paid}}};
//   consumer.run([](const outbox::delivery& d) { … return outbox::outcome::ack(); });
//
// It is a member of a classic consumer group (KIP-62, KIP-429): partitions are shared among the
// members, one that dies is replaced when its session is over, and one that was frozen for longer
// than that is refused its commits. Any other client may be a member of the same group, as long as
// it uses the same assignment strategy.

#include "outbox/consumer/consumer.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace outbox {

struct kafka_source_options {
    /// Where to begin to look for the cluster: "host:port", several with commas between them.
    std::string brokers = "127.0.0.1:9092";
    /// How we are called in the broker's logs and quotas, and in the group.
    std::string client_id = "outbox";
    /// A member that the broker has not heard of for so long is out of the group.
    std::chrono::milliseconds session{10'000};
    /// How many members of the group the retry topics can be spread over; nothing: what the broker
    /// gives a new topic.
    std::optional<int> retry_partition_count{1};
    /// How long dead letters are kept; nothing: for ever.
    std::optional<std::chrono::hours> dead_letter_retention{};
    /// Any other property of librdkafka, by its own name: "security.protocol", "sasl.username",
    /// "group.instance.id", "partition.assignment.strategy", "fetch.wait.max.ms", … Those on which
    /// the promises rest (see refused_properties in consumer_configuration.cpp) are refused.
    std::map<std::string, std::string> properties{};
};

/// For the constructor of consumer. Throws outbox::error (invalid_argument) with librdkafka's own
/// words when a property is unknown or does not fit the others; waits for no broker.
std::unique_ptr<record_source> make_kafka_source(kafka_source_options options);

class kafka_consumer : public consumer {
public:
    kafka_consumer(kafka_source_options where, consumer_options what)
        : consumer(make_kafka_source(std::move(where)), std::move(what)) {}
};

} // namespace outbox
