#pragma once
// A librdkafka consumer as a record_source. Its callbacks only take notes, from within poll(), on
// the consumer's own thread; what follows from them is done afterwards. A rebalance is answered
// when the machine has let go of every partition in it; meanwhile the client goes on with the rest.

#include "outbox/base/clock.hpp"
#include "outbox/base/unique_fd.hpp"
#include "outbox/consumer/kafka/assignment_book.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/consumer/kafka/record_sender.hpp"

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace outbox::kafka {

class kafka_source final : public record_source {
public:
    explicit kafka_source(kafka_source_options options);
    ~kafka_source() override;

    void open(const subscription& what, std::chrono::milliseconds patience) override;
    void poll(
        std::chrono::milliseconds timeout,
        poll_limits limits,
        std::vector<source_event_type>& news
    ) override;
    void wake() noexcept override;
    void pause(partition_handle partition) override;
    void resume(partition_handle partition) override;
    void commit(const std::vector<std::pair<partition_handle, std::int64_t>>& offsets) override;
    void send(ticket t, outgoing_record what) override;
    void release(partition_handle partition) override;
    partition_ends ends(partition_handle partition) const override;
    void close() noexcept override;

private:
    static void note_rebalance(
        rd_kafka_t* client,
        rd_kafka_resp_err_t what,
        rd_kafka_topic_partition_list_t* partitions,
        void* opaque
    );
    static void note_error(rd_kafka_t* client, int code, const char* text, void* opaque);

    void make_client();
    std::vector<std::string> topics_to_read(std::chrono::milliseconds patience);
    void serve(poll_limits limits, std::vector<source_event_type>& news);
    void tell_notes(std::vector<source_event_type>& news);
    std::size_t hear(const rd_kafka_message_t& message, std::vector<source_event_type>& news);
    consumer_event::commit_result result_of(rd_kafka_resp_err_t code, partition_handle of) const;
    void hear_commits(std::vector<source_event_type>& news);
    void take_over(std::vector<source_event_type>& news);
    void give_back();
    bool is_parking(std::string_view topic) const;
    void add_parking(rd_kafka_topic_partition_list_t& list) const;
    bool find_parking(rd_kafka_topic_partition_list_t& list, std::string& trouble);
    void refused(const char* what, rd_kafka_resp_err_t code);
    void check(const char* what, const rd_kafka_topic_partition_list_t& answered);
    void join_anew(std::vector<source_event_type>& news);
    void subscribe();
    void end_client() noexcept;
    partition_list list_of(partition_handle partition) const;
    void wake_up() const noexcept;
    void assign_everything(std::chrono::milliseconds patience);
    void look_for_new_partitions(std::vector<source_event_type>& news);

    kafka_source_options options_;
    subscription what_;
    std::vector<std::string> topics_;           // subscribed to
    std::map<std::string, int> parking_counts_; // of partitions beside those of a subject
    unique_fd wake_;
    rd_kafka_t* client_ = nullptr;
    rd_kafka_queue_t* messages_ = nullptr;
    rd_kafka_queue_t* commits_ = nullptr;
    std::optional<record_sender> sender_;
    assignment_book book_;

    bool cooperative_ = false;
    partition_list to_take_over_; // a rebalance that waits for us
    tick_point take_over_at_{};
    partition_list to_give_back_;
    std::set<partition_handle> not_released_;  // of to_give_back_
    std::deque<source_event_type> notes_;      // from callbacks
    std::vector<partition_handle> committing_; // in the commit that is out
    std::string fatal_;
    std::string refusal_; // why the client is going to be replaced
    int refusals_ = 0;    // one after another
    tick_point refused_at_{};
    tick_point join_anew_at_{};
    std::atomic<bool> wanted_ = false; // wake() was called, as opposed to librdkafka having news
    bool closing_ = false;
    tick_point look_again_at_{}; // for new partitions, in a broadcast
};

} // namespace outbox::kafka
