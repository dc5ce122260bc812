#include "bench/load_producer.hpp"

#include "bench/workload.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"

#include <array>

namespace outbox::bench {

load_producer::load_producer(const std::string& brokers, const std::string& topic) {
    std::array<char, 512> words{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] : {
             std::pair{"bootstrap.servers", brokers.c_str()},
             {"enable.idempotence", "true"},
             {"acks", "all"},
             {"partitioner", "murmur2_random"},
         })
        if (rd_kafka_conf_set(conf, name, value, words.data(), words.size()) != RD_KAFKA_CONF_OK)
            throw error{error_kind::invalid_argument, words.data()};
    rd_kafka_conf_set_dr_msg_cb(conf, &load_producer::acknowledged);
    rd_kafka_conf_set_opaque(conf, this);
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size());
    if (handle_ == nullptr)
        throw error{error_kind::invalid_argument, words.data()};
    topic_ = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
    one_by_one(std::chrono::milliseconds{1}); // the connection, the topic, the producer id
}

load_producer::~load_producer() {
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(handle_);
}

void load_producer::acknowledged(rd_kafka_t*, const rd_kafka_message_t* report, void* self) {
    auto& producer = *static_cast<load_producer*>(self);
    ++(report->err == RD_KAFKA_RESP_ERR_NO_ERROR ? producer.acked_ : producer.failed_);
}

bool load_producer::send() {
    auto value = payload(sent_);
    const auto key = std::to_string(sent_ % key_count);
    const bool taken = rd_kafka_produce(
                           topic_,
                           RD_KAFKA_PARTITION_UA,
                           RD_KAFKA_MSG_F_COPY,
                           value.data(),
                           value.size(),
                           key.data(),
                           key.size(),
                           nullptr
                       ) == 0;
    sent_ += taken ? 1 : 0;
    return taken;
}

long load_producer::saturate(std::chrono::milliseconds time) {
    const auto before = acked_;
    const auto end = system_clock().ticks() + time;
    while (system_clock().ticks() < end) {
        for (int burst = 0; burst < 100; ++burst) {
            if (!send()) {
                rd_kafka_poll(handle_, 5);
                break;
            }
        }
        rd_kafka_poll(handle_, 0);
    }
    while (acked_ + failed_ < sent_)
        rd_kafka_poll(handle_, 100);
    if (failed_ > 0)
        throw error{error_kind::io, "the broker refused " + std::to_string(failed_) + " messages"};
    return acked_ - before;
}

long load_producer::one_by_one(std::chrono::milliseconds time) {
    const auto before = acked_;
    const auto end = system_clock().ticks() + time;
    do {
        send();
        rd_kafka_flush(handle_, 10'000); // also ends the linger
    } while (system_clock().ticks() < end && failed_ == 0 && acked_ == sent_);
    if (acked_ != sent_)
        throw error{error_kind::io, "the broker did not acknowledge a message"};
    return acked_ - before;
}

} // namespace outbox::bench
