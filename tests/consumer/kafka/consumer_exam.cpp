// What a consumer must do with a real server, asked of every one that we have: unmodified Apache
// Kafka and outbox-broker.

#include "harness/wait_until.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/message/codec.hpp"
#include "tests/target/kafka/cluster_exam.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

kafka_source_options here() {
    return {.brokers = the_cluster().brokers(), .session = 6s, .properties = {{"fetch.wait.max.ms", "50"}}};
}

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
    void wait_for(std::size_t count) const {
        wait_until(
            [&] { return seen().size() >= count; },
            60s,
            std::to_string(count) + " messages to arrive"
        );
    }
    kafka_consumer& operator*() { return consumer_; }
    kafka_consumer* operator->() { return &consumer_; }

private:
    kafka_consumer consumer_;
    mutable std::mutex mutex_;
    std::vector<delivery> seen_;
    std::thread thread_;
};

TEST(consumer_exam, everything_arrives_once_and_is_not_read_again) {
    mailbag bag;
    for (int i = 0; i < 500; ++i)
        bag.add(
            "exam.all",
            "k" + std::to_string(i % 7),
            "m" + std::to_string(i),
            {{"outbox-tag", "vip"}, {"x", "y"}, {"content-type", "text/plain"}}
        );
    send(bag);
    const consumer_options what{.group = group_name{"all"}, .subjects = {subject{"exam.all"}}};
    std::set<std::string> seen;
    {
        member one{what};
        one.wait_for(500);
        for (const auto& d : one.seen()) {
            seen.insert(std::string{d.payload});
            EXPECT_EQ(d.attempt, 1U);
            EXPECT_EQ(d.subject, subject{"exam.all"});
            EXPECT_THAT(d.tags, ElementsAre("vip"));
            EXPECT_EQ(d.content_type, "text/plain");
            EXPECT_EQ(*d.property("x"), "y");
            EXPECT_EQ(d.properties.size(), 1U);
        }
    }
    EXPECT_EQ(seen.size(), 500U);
    member two{what};
    mailbag more;
    more.add("exam.all", "k", "the last");
    send(more);
    two.wait_for(1);
    EXPECT_THAT(two.payloads(), ElementsAre("the last"));
}

} // namespace
} // namespace outbox::kafka
