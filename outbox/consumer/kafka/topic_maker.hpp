#pragma once
// Makes topics that are the group's own, once each. That one is there already is as good.

#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace outbox::kafka {

/// Asks for `topics`; the answer arrives as RD_KAFKA_EVENT_CREATETOPICS_RESULT on `answers`.
/// `client` must outlive the answer. `partition_count`: instead of what the options say.
void ask_for_topics(
    rd_kafka_t* client,
    const std::vector<std::string>& topics,
    const kafka_source_options& options,
    std::chrono::milliseconds patience,
    rd_kafka_queue_t* answers,
    std::optional<int> partition_count = std::nullopt
);

struct topic_answer {
    std::string topic{};
    /// Empty: it is there.
    std::string trouble{};
    /// Asking again has a chance.
    bool retryable = false;
};

/// What the event says, one answer for each topic; when the question itself failed, `asked` are all
/// answered with that.
std::vector<topic_answer>
read_topic_answers(rd_kafka_event_t& event, const std::vector<std::string>& asked);

} // namespace outbox::kafka
