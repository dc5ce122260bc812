#include "bench/consume_rate.hpp"

#include "bench/publish_wave.hpp"
#include "bench/workload.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/message/message_id.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

namespace outbox::bench {

namespace {

const subject orders{"orders"};

constexpr std::chrono::seconds patience{60};

/// Takes the time from the first message to the last. Any thread.
class stopwatch {
public:
    explicit stopwatch(long count) : count_(count) {}

    /// True: that was the last one.
    bool saw(long some) {
        const long before = seen_.fetch_add(some);
        if (before == 0)
            begin_ = system_clock().ticks();
        const bool all = before < count_ && before + some >= count_;
        if (all)
            end_ = system_clock().ticks();
        return all;
    }
    bool saw_all() const { return seen_ >= count_; }
    /// Precondition: no other thread calls saw() any more.
    double per_second() const {
        if (!saw_all())
            throw error{
                error_kind::io,
                std::to_string(seen_.load()) + " of " + std::to_string(count_) + " messages came"};
        return static_cast<double>(count_) / std::chrono::duration<double>(end_ - begin_).count();
    }

private:
    long count_;
    std::atomic<long> seen_{0};
    tick_point begin_{};
    tick_point end_{};
};

struct leave {
    void operator()(rd_kafka_t* member) const noexcept {
        rd_kafka_consumer_close(member);
        rd_kafka_destroy(member);
    }
};
using bare_member = std::unique_ptr<rd_kafka_t, leave>;

/// As its users begin: nothing set but what must be.
bare_member join(const std::string& brokers, const std::string& group) {
    std::array<char, 512> words{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] : {
             std::pair{"bootstrap.servers", brokers.c_str()},
             {"group.id", group.c_str()},
             {"auto.offset.reset", "earliest"},
         })
        if (rd_kafka_conf_set(conf, name, value, words.data(), words.size()) != RD_KAFKA_CONF_OK)
            throw error{error_kind::invalid_argument, words.data()};
    bare_member member{rd_kafka_new(RD_KAFKA_CONSUMER, conf, words.data(), words.size())};
    if (!member)
        throw error{error_kind::invalid_argument, words.data()};
    rd_kafka_poll_set_consumer(member.get());
    auto* const topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, orders.text().c_str(), RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(member.get(), topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return member;
}

} // namespace

full_topic::full_topic(long count) : broker_({.arguments = {"--flush", "sync"}}), count_(count) {
    const auto with =
        encode_headers({{std::string{header_name::content_type}, "application/json"}});
    kafka_target to{{.brokers = broker_.address()}};
    message_id_generator ids;
    std::vector<stored_message> wave;
    for (long done = 0; done < count;) {
        wave.clear();
        for (; done < count && wave.size() < wave_size; ++done) {
            auto& made = wave.emplace_back();
            made.created_at = system_clock().now();
            made.content = {
                .id = ids.next(),
                .subject = orders.text(),
                .key = std::to_string(done % key_count),
                .headers = with,
                .payload = payload(done)};
        }
        publish_wave(to, wave);
    }
}

std::string full_topic::next_group() {
    return "bench-" + std::to_string(++groups_);
}

double full_topic::read_by_librdkafka() {
    stopwatch watch{count_};
    const auto member = join(broker_.address(), next_group());
    const auto end = system_clock().ticks() + patience;
    while (!watch.saw_all() && system_clock().ticks() < end) {
        rd_kafka_message_t* const one = rd_kafka_consumer_poll(member.get(), 100);
        if (one == nullptr)
            continue;
        if (one->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            watch.saw(1);
        rd_kafka_message_destroy(one);
    }
    return watch.per_second();
}

double full_topic::read_by_consumer(consume_order order, std::size_t batch) {
    stopwatch watch{count_};
    kafka_consumer consumer{
        {.brokers = broker_.address()},
        {.group = group_name::parse(next_group()),
         .subjects = {orders},
         .order = order,
         .retries = {.delays = {std::chrono::seconds{1}}}}}; // no retry topics to be made
    const auto saw = [&](std::size_t some) {
        if (watch.saw(static_cast<long>(some)))
            consumer.request_stop();
    };
    std::binary_semaphore ended{0};
    const std::jthread impatience{[&] {
        if (!ended.try_acquire_for(patience))
            consumer.request_stop();
    }};
    if (batch > 1)
        consumer.run_batches(batch, [&](std::span<const delivery* const> several) {
            saw(several.size());
            return std::vector<outcome>(several.size(), outcome::ack());
        });
    else
        consumer.run([&](const delivery&) {
            saw(1);
            return outcome::ack();
        });
    ended.release();
    return watch.per_second();
}

} // namespace outbox::bench
