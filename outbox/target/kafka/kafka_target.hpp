#pragma once
// The way from a relay to Apache Kafka and to everything that speaks its protocol: outbox-broker,
// Redpanda, a cluster.
//
// What the consumer sees: topic = subject, record key = order key, record value = payload, record
// timestamp = when the row was written, record headers = the message's headers plus `outbox-id`,
// its message id as 36 characters. Keys are spread over partitions as Kafka's Java clients do
// (murmur2), so that foreign producers to the same topic agree with us.
//
// What is promised: `delivered` means that the leader has it according to acks=all. Of two messages
// with the same key the first is never accepted after the second, also across subjects and when
// something fails in between: the producer is idempotent, a gap stops it, and after a wave that
// failed it is replaced by a new one. A message that was on its way when the connection broke for
// good may arrive twice; it never arrives late.

#include "outbox/target/target.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace outbox {

enum class kafka_compression { none, gzip, snappy, lz4, zstd };

struct kafka_options {
    /// Where to begin to look for the cluster: "host:port", several with commas between them.
    std::string brokers = "127.0.0.1:9092";
    /// How we are called in the broker's logs and quotas.
    std::string client_id = "outbox";
    /// Whole batches are compressed. None by default: beside a broker on the same machine it costs
    /// more processor time than it saves; towards a cluster behind a network, lz4 or zstd is worth
    /// trying.
    kafka_compression compression = kafka_compression::none;
    /// Key, headers and payload of one message together. Must not exceed what the brokers take
    /// (max.message.bytes); the default fits Kafka's default with its framing.
    std::size_t message_bytes_max = 1'000'000;
    /// How long a wave may stay unanswered before it is reported unavailable. While a broker is
    /// away, its return within this time is all it takes; the relay waits meanwhile.
    std::chrono::milliseconds wave_timeout{30'000};
    /// Any other property of librdkafka, by its own name: "security.protocol", "sasl.username",
    /// "linger.ms", … Those on which order and durability rest (see refused_properties in the .cpp)
    /// are refused.
    std::map<std::string, std::string> properties{};
};

class kafka_target final : public target {
public:
    /// Does not wait for a broker. Throws outbox::error (invalid_argument) with librdkafka's own
    /// words when a property is unknown or does not fit the others.
    explicit kafka_target(kafka_options options);
    /// Gives up what is unanswered; waits for no broker.
    ~kafka_target() override;

    target_capabilities capabilities() const override;
    void deliver(std::span<const stored_message* const> wave) override;
    void await(std::chrono::milliseconds timeout, std::vector<delivery_outcome>& outcomes) override;
    void cancel() override;
    void wake() noexcept override;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace outbox
