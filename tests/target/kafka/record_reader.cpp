#include "tests/target/kafka/record_reader.hpp"

#include <array>
#include <memory>
#include <stdexcept>

namespace outbox::kafka {

namespace {

template <auto Destroy>
struct deleter {
    void operator()(auto* object) const { Destroy(object); }
};

} // namespace

std::vector<record>
read_topic(const std::string& brokers, const std::string& topic, std::chrono::milliseconds within) {
    const auto end = std::chrono::steady_clock::now() + within;
    std::array<char, 512> words{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"bootstrap.servers", brokers},
             {"group.id", "reader"},
             {"enable.auto.commit", "false"},
             {"enable.partition.eof", "true"},
             {"auto.offset.reset", "earliest"},
             {"fetch.wait.max.ms", "50"},
             {"fetch.error.backoff.ms", "10"},
         })
        rd_kafka_conf_set(conf, name.c_str(), value.c_str(), words.data(), words.size());
    const std::unique_ptr<rd_kafka_t, deleter<rd_kafka_destroy>> consumer{
        rd_kafka_new(RD_KAFKA_CONSUMER, conf, words.data(), words.size())};
    if (!consumer)
        throw std::runtime_error{words.data()};
    rd_kafka_poll_set_consumer(consumer.get());

    const rd_kafka_metadata_t* raw = nullptr;
    const std::unique_ptr<rd_kafka_topic_t, deleter<rd_kafka_topic_destroy>> handle{
        rd_kafka_topic_new(consumer.get(), topic.c_str(), nullptr)};
    if (const auto code = rd_kafka_metadata(
            consumer.get(),
            0,
            handle.get(),
            &raw,
            static_cast<int>(within.count())
        ))
        throw std::runtime_error{std::string{"metadata: "} + rd_kafka_err2str(code)};
    const std::unique_ptr<const rd_kafka_metadata_t, deleter<rd_kafka_metadata_destroy>> metadata{
        raw};
    const int partition_count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (partition_count == 0)
        return {};
    const std::
        unique_ptr<rd_kafka_topic_partition_list_t, deleter<rd_kafka_topic_partition_list_destroy>>
            all{rd_kafka_topic_partition_list_new(partition_count)};
    for (int p = 0; p < partition_count; ++p)
        rd_kafka_topic_partition_list_add(all.get(), topic.c_str(), p)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer.get(), all.get());

    std::vector<std::vector<record>> partitions(static_cast<std::size_t>(partition_count));
    for (int ended = 0; ended < partition_count;) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error{"topic " + topic + " could not be read to its end in time"};
        const std::unique_ptr<rd_kafka_message_t, deleter<rd_kafka_message_destroy>> message{
            rd_kafka_consumer_poll(consumer.get(), 100)};
        if (!message)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ++ended;
            continue;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            continue; // the way to a broker that was away a moment ago; the time limit stands
        auto& read = partitions.at(static_cast<std::size_t>(message->partition)).emplace_back();
        read.partition = message->partition;
        read.offset = message->offset;
        read.timestamp_ms = rd_kafka_message_timestamp(message.get(), nullptr);
        if (message->key != nullptr)
            read.key.emplace(static_cast<const char*>(message->key), message->key_len);
        read.value.assign(static_cast<const char*>(message->payload), message->len);
        rd_kafka_headers_t* with = nullptr;
        if (rd_kafka_message_headers(message.get(), &with) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const char* name = nullptr;
            const void* value = nullptr;
            std::size_t size = 0;
            for (std::size_t i = 0; rd_kafka_header_get_all(with, i, &name, &value, &size) ==
                                    RD_KAFKA_RESP_ERR_NO_ERROR;
                 ++i)
                read.headers.emplace_back(name, std::string{static_cast<const char*>(value), size});
        }
    }
    std::vector<record> records;
    for (auto& partition : partitions)
        std::move(partition.begin(), partition.end(), std::back_inserter(records));
    return records;
}

} // namespace outbox::kafka
