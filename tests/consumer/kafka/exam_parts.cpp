#include "tests/consumer/kafka/exam_parts.hpp"

#include "harness/wait_until.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace outbox::kafka {

using namespace std::chrono_literals;
using harness::wait_until;

void send(const mailbag& bag) {
    kafka_target target{{.brokers = the_cluster().brokers()}};
    target.deliver(bag.wave());
    std::size_t delivered = 0;
    wait_until(
        [&] {
            std::vector<delivery_outcome> news;
            target.await(100ms, news);
            for (const auto& each : news)
                delivered += each.fate == fate::delivered ? 1 : 0;
            return delivered == bag.size();
        },
        60s,
        "the messages of the test to be sent"
    );
}

void send_raw(
    const std::string& topic,
    const std::string& key,
    const std::optional<std::string>& value,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& headers
) {
    std::array<char, 512> words{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const auto brokers = the_cluster().brokers();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), words.data(), words.size());
    rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size());
    rd_kafka_headers_t* all = rd_kafka_headers_new(headers.size());
    for (const auto& [name, content] : headers)
        rd_kafka_header_add(
            all,
            name.data(),
            static_cast<ssize_t>(name.size()),
            content ? content->data() : nullptr,
            content ? static_cast<ssize_t>(content->size()) : 0
        );
    std::string copy = value.value_or("");
    char* const bytes_or_null = value ? copy.data() : nullptr;
    ASSERT_EQ(
        rd_kafka_producev(
            client,
            RD_KAFKA_V_TOPIC(topic.c_str()),
            RD_KAFKA_V_KEY(key.data(), key.size()),
            RD_KAFKA_V_VALUE(bytes_or_null, copy.size()),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_HEADERS(all),
            RD_KAFKA_V_END
        ),
        RD_KAFKA_RESP_ERR_NO_ERROR
    );
    ASSERT_EQ(rd_kafka_flush(client, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(client);
}

void send_numbers(const std::string& topic, int count, int keys) {
    mailbag bag;
    for (int i = 0; i < count; ++i)
        bag.add(topic, "k" + std::to_string(i % keys), std::to_string(i));
    send(bag);
}

kafka_source_options here() {
    return {
        .brokers = the_cluster().brokers(),
        .session = 6s,
        .properties = {{"fetch.wait.max.ms", "50"}}};
}

void member::wait_for(std::size_t count) const {
    wait_until(
        [&] { return seen().size() >= count; },
        60s,
        std::to_string(count) + " messages to arrive"
    );
}

std::string header_of(const record& r, std::string_view name) {
    for (const auto& [n, value] : r.headers) {
        if (n == name)
            return value;
    }
    return "(none)";
}

std::vector<record> wait_for_records(const std::string& topic, std::size_t count) {
    return wait_until(
               [&] {
                   auto all = read_topic(the_cluster().brokers(), topic);
                   return all.size() >= count ? std::optional{std::move(all)} : std::nullopt;
               },
               60s,
               std::to_string(count) + " records in " + topic
    )
        .value();
}

void wait_until_committed(const consumer& one, const std::string& topic) {
    const auto count = static_cast<std::int64_t>(read_topic(the_cluster().brokers(), topic).size());
    wait_until(
        [&] {
            std::int64_t committed = 0;
            for (const auto& each : one.progress()) {
                if (each.of.topic == topic)
                    committed += std::max<std::int64_t>(0, each.committed);
            }
            return committed == count;
        },
        60s,
        "the group to have committed all of " + topic
    );
}

std::int64_t committed_offset(const std::string& group, const record_position& partition) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const auto brokers = the_cluster().brokers();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "group.id", group.c_str(), nullptr, 0);
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    auto* const list = rd_kafka_topic_partition_list_new(1);
    auto* const asked =
        rd_kafka_topic_partition_list_add(list, partition.topic.c_str(), partition.partition);
    EXPECT_EQ(rd_kafka_committed(client, list, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_EQ(asked->err, RD_KAFKA_RESP_ERR_NO_ERROR);
    const auto offset = asked->offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return offset;
}

} // namespace outbox::kafka
