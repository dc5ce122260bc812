#pragma once
// What the exams of a consumer share: messages on their way in, a member that notes what it sees,
// records as they stand in the log.

#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "tests/target/kafka/cluster_exam.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace outbox::kafka {

/// Returns when the broker has all of them.
void send(const mailbag& bag);
/// One record as any producer may write it.
void send_raw(
    const std::string& topic,
    const std::string& key,
    const std::optional<std::string>& value,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& headers
);
/// "0", "1", … under the keys k0, k1, … in turn.
void send_numbers(const std::string& topic, int count, int keys = 7);

/// The cluster of this exam.
kafka_source_options here();

/// A consumer on a thread of its own, and what it saw.
class member {
public:
    using answer = std::function<outcome(const delivery&)>;

    explicit member(consumer_options what, answer say = {})
        : consumer_(here(), std::move(what))
        , thread_([this, say] {
            consumer_.run([&](const delivery& d) {
                {
                    const std::lock_guard hold{mutex_};
                    seen_.emplace_back(d);
                }
                return say ? say(d) : outcome::ack();
            });
        }) {}
    ~member() { stop(); }

    void stop() {
        consumer_.request_stop();
        if (thread_.joinable())
            thread_.join();
    }
    std::vector<delivery> seen() const {
        const std::lock_guard hold{mutex_};
        return seen_;
    }
    std::vector<std::string> payloads() const {
        std::vector<std::string> all;
        for (const auto& d : seen())
            all.emplace_back(d.payload);
        return all;
    }
    void wait_for(std::size_t count) const;
    kafka_consumer& operator*() { return consumer_; }
    kafka_consumer* operator->() { return &consumer_; }

private:
    kafka_consumer consumer_;
    mutable std::mutex mutex_;
    std::vector<delivery> seen_;
    std::thread thread_;
};

/// "(none)" when it is not there.
std::string header_of(const record& r, std::string_view name);
std::vector<record> wait_for_records(const std::string& topic, std::size_t count);
/// The group has committed everything that the topic has.
void wait_until_committed(const consumer& one, const std::string& topic);
inline void wait_until_committed(member& one, const std::string& topic) {
    wait_until_committed(*one, topic);
}
/// What the broker would tell a member of the group that takes the partition over now; below zero:
/// nothing.
std::int64_t committed_offset(const std::string& group, const record_position& partition);

} // namespace outbox::kafka
