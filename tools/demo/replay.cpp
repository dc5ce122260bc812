// The storm of copies: what `kafka-consumer-groups --reset-offsets --to-earliest` does.

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "tools/demo/stage.hpp"

#include <librdkafka/rdkafka.h>

#include <array>
#include <chrono>
#include <memory>

namespace outbox::demo {
namespace {

struct release {
    void operator()(rd_kafka_t* p) const noexcept { rd_kafka_destroy(p); }
    void operator()(rd_kafka_queue_t* p) const noexcept { rd_kafka_queue_destroy(p); }
    void operator()(rd_kafka_event_t* p) const noexcept { rd_kafka_event_destroy(p); }
    void operator()(rd_kafka_topic_t* p) const noexcept { rd_kafka_topic_destroy(p); }
    void operator()(rd_kafka_topic_partition_list_t* p) const noexcept {
        rd_kafka_topic_partition_list_destroy(p);
    }
    void operator()(rd_kafka_AlterConsumerGroupOffsets_t* p) const noexcept {
        rd_kafka_AlterConsumerGroupOffsets_destroy(p);
    }
    void operator()(const rd_kafka_metadata_t* p) const noexcept { rd_kafka_metadata_destroy(p); }
};
template <class T>
using owned = std::unique_ptr<T, release>;

constexpr int patience_ms = 10'000;

owned<rd_kafka_t> connect(const std::string& brokers) {
    std::array<char, 512> why{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), why.data(), why.size());
    rd_kafka_conf_set(conf, "log_level", "0", why.data(), why.size());
    owned<rd_kafka_t> made{rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size())};
    if (!made)
        throw error(error_kind::io, why.data());
    return made;
}

owned<rd_kafka_topic_partition_list_t> beginning_of(rd_kafka_t* client, const std::string& topic) {
    const owned<rd_kafka_topic_t> handle{rd_kafka_topic_new(client, topic.c_str(), nullptr)};
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code = rd_kafka_metadata(client, 0, handle.get(), &raw, patience_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw error(
            error_kind::unreachable,
            std::string{"the broker does not tell its topics: "} + rd_kafka_err2str(code)
        );
    const owned<const rd_kafka_metadata_t> metadata{raw};
    owned<rd_kafka_topic_partition_list_t> all{rd_kafka_topic_partition_list_new(1)};
    for (int i = 0; i < metadata->topics[0].partition_cnt; ++i)
        rd_kafka_topic_partition_list_add(
            all.get(),
            topic.c_str(),
            metadata->topics[0].partitions[i].id
        )
            ->offset = 0;
    return all;
}

// Empty when it is done; else why not.
std::string set_offsets(
    rd_kafka_t* client,
    const std::string& group,
    const rd_kafka_topic_partition_list_t* to
) {
    rd_kafka_AlterConsumerGroupOffsets_t* one =
        rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), to);
    const owned<rd_kafka_AlterConsumerGroupOffsets_t> wanted{one};
    const owned<rd_kafka_queue_t> answers{rd_kafka_queue_new(client)};
    rd_kafka_AlterConsumerGroupOffsets(client, &one, 1, nullptr, answers.get());
    const owned<rd_kafka_event_t> answer{rd_kafka_queue_poll(answers.get(), patience_ms)};
    if (!answer)
        return "no answer";
    if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return rd_kafka_event_error_string(answer.get());
    std::size_t count = 0;
    const auto* result = rd_kafka_event_AlterConsumerGroupOffsets_result(answer.get());
    const auto* const* groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &count);
    if (count != 1)
        return "an answer about no group";
    if (const rd_kafka_error_t* refused = rd_kafka_group_result_error(groups[0]))
        return rd_kafka_error_string(refused);
    const auto* partitions = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; i < partitions->cnt; ++i) {
        if (partitions->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return rd_kafka_err2str(partitions->elems[i].err);
    }
    return {};
}

} // namespace

void stage::replay_topic() {
    const owned<rd_kafka_t> client = connect(broker_address());
    const auto beginning = beginning_of(client.get(), topic_);
    // A member that has just left, or one that was killed, may be in the group until its session is
    // over.
    std::string why;
    harness::wait_until(
        [&] {
            why = set_offsets(client.get(), points_group().text(), beginning.get());
            return why.empty();
        },
        std::chrono::seconds{30},
        "the broker to set the group back"
    );
}

} // namespace outbox::demo
