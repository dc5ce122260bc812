#include "outbox/consumer/kafka/topic_maker.hpp"

#include <algorithm>
#include <array>

namespace outbox::kafka {

namespace {

/// What a record gains on its way to a topic of ours must not make it too large for it.
constexpr const char* message_bytes_max = "67108864";

bool is_passing(rd_kafka_resp_err_t code) noexcept {
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
        return true;
    default:
        return false;
    }
}

} // namespace

void ask_for_topics(
    rd_kafka_t* client,
    const std::vector<std::string>& topics,
    const kafka_source_options& options,
    std::chrono::milliseconds patience,
    rd_kafka_queue_t* answers,
    std::optional<int> partition_count
) {
    std::array<char, 512> words{};
    std::vector<rd_kafka_NewTopic_t*> wanted;
    for (const auto& name : topics) {
        const bool dead_letters = name.ends_with(".dlt");
        // -1: as the broker gives to any new topic (KIP-464).
        const int usual = dead_letters ? -1 : options.retry_partition_count.value_or(-1);
        auto* const topic = rd_kafka_NewTopic_new(
            name.c_str(),
            partition_count.value_or(usual),
            -1,
            words.data(),
            words.size()
        );
        if (topic == nullptr)
            continue; // not a name: sending to it will say so
        rd_kafka_NewTopic_set_config(topic, "max.message.bytes", message_bytes_max);
        // What is parked waits for what is parked before it, and nobody knows how long that takes.
        const bool parked = name.ends_with(".parked");
        const auto keep = dead_letters ? options.dead_letter_retention
                          : parked     ? std::nullopt
                                       : std::optional{2 * retry_delay_max};
        const auto keep_ms =
            keep ? std::chrono::duration_cast<std::chrono::milliseconds>(*keep).count() : -1;
        rd_kafka_NewTopic_set_config(topic, "retention.ms", std::to_string(keep_ms).c_str());
        wanted.push_back(topic);
    }
    rd_kafka_AdminOptions_t* const how =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    const auto wait = static_cast<int>(std::clamp<std::int64_t>(patience.count(), 1, 60'000));
    rd_kafka_AdminOptions_set_request_timeout(how, wait, words.data(), words.size());
    rd_kafka_CreateTopics(client, wanted.data(), wanted.size(), how, answers);
    rd_kafka_AdminOptions_destroy(how);
    rd_kafka_NewTopic_destroy_array(wanted.data(), wanted.size());
}

std::vector<topic_answer>
read_topic_answers(rd_kafka_event_t& event, const std::vector<std::string>& asked) {
    std::vector<topic_answer> answers;
    if (const auto code = rd_kafka_event_error(&event); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (const auto& topic : asked)
            answers.push_back({topic, rd_kafka_event_error_string(&event), is_passing(code)});
        return answers;
    }
    std::size_t count = 0;
    const auto* const result = rd_kafka_event_CreateTopics_result(&event);
    const auto* const* topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto code = rd_kafka_topic_result_error(topics[i]);
        topic_answer answer{.topic = rd_kafka_topic_result_name(topics[i])};
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            const char* const text = rd_kafka_topic_result_error_string(topics[i]);
            answer.trouble = text != nullptr ? text : rd_kafka_err2str(code);
            answer.retryable = is_passing(code);
        }
        answers.push_back(std::move(answer));
    }
    return answers;
}

} // namespace outbox::kafka
