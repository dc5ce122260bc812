#pragma once
// Writes records to topics of the group's own, with acks=all, and says of each whether the broker
// has it. A topic is made before the first record goes there. A producer that failed for good is
// replaced, never repaired: what it had is answered with its failure, and what comes then goes to a
// new one. One thread.

#include "outbox/base/clock.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/consumer/record.hpp"
#include "outbox/consumer/record_source.hpp"

#include <librdkafka/rdkafka.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace outbox::kafka {

class record_sender {
public:
    /// `wake_fd`, an eventfd, becomes readable when there is news. `options` must outlive this.
    record_sender(const kafka_source_options& options, int wake_fd);
    /// Gives up what is unanswered; waits for no broker.
    ~record_sender();
    record_sender(const record_sender&) = delete;
    record_sender& operator=(const record_sender&) = delete;

    /// Asks for all of them and waits for the answers. Throws outbox::error: rejected when one is
    /// refused for good, unreachable when `patience` is over. `partition_count`: instead of what
    /// the options say.
    void make_topics(
        const std::vector<std::string>& topics,
        std::chrono::milliseconds patience,
        std::optional<int> partition_count = std::nullopt
    );

    void send(ticket t, outgoing_record what);
    /// Appends what is answered.
    void serve(std::vector<source_event_type>& news);

    /// For questions to the cluster. Until the next call of serve(). Throws outbox::error when a
    /// new one is needed and cannot be made.
    rd_kafka_t* client();

private:
    /// What waits for its topic to be made.
    using waiting = std::vector<std::pair<ticket, outgoing_record>>;

    void make_client();
    void end_client() noexcept;
    bool has_client(std::string& trouble);
    void give_up_client();
    void produce(ticket t, const outgoing_record& what);
    void hear_topics(rd_kafka_event_t& event);

    const kafka_source_options* options_;
    int wake_fd_;
    rd_kafka_t* client_ = nullptr; // null: the last one failed
    rd_kafka_queue_t* events_ = nullptr;
    tick_point made_at_{};
    bool has_failed_ = false; // this one, and what it had is not answered yet
    std::string last_failure_;
    std::set<ticket> open_; // the client has them
    std::map<std::string, waiting> asked_;
    std::set<std::string> there_;
    std::vector<source_event::sent> answers_; // that need no broker
};

} // namespace outbox::kafka
