#include "tools/demo/audience.hpp"

#include "outbox/base/error.hpp"
#include "outbox/message/header.hpp"

#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace outbox::demo {
namespace {

struct release {
    void operator()(rd_kafka_t* p) const noexcept { rd_kafka_destroy(p); }
    void operator()(rd_kafka_message_t* p) const noexcept { rd_kafka_message_destroy(p); }
    void operator()(rd_kafka_topic_partition_list_t* p) const noexcept {
        rd_kafka_topic_partition_list_destroy(p);
    }
    void operator()(rd_kafka_topic_t* p) const noexcept { rd_kafka_topic_destroy(p); }
    void operator()(const rd_kafka_metadata_t* p) const noexcept { rd_kafka_metadata_destroy(p); }
};
template <class T>
using owned = std::unique_ptr<T, release>;

owned<rd_kafka_t> make_consumer(const std::string& brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const std::pair<const char*, std::string> settings[] = {
        {"bootstrap.servers", brokers},
        {"group.id", "outbox-demo"},
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "earliest"},
        {"reconnect.backoff.max.ms", "500"},
        {"topic.metadata.refresh.interval.ms", "1000"},
        {"fetch.wait.max.ms", "100"},
        {"log_level", "0"},
    };
    std::string why(512, '\0');
    for (const auto& [name, value] : settings) {
        if (rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) !=
            RD_KAFKA_CONF_OK)
            throw error(error_kind::invalid_argument, why.c_str());
    }
    owned<rd_kafka_t> made{rd_kafka_new(RD_KAFKA_CONSUMER, conf, why.data(), why.size())};
    if (!made)
        throw error(error_kind::io, why.c_str());
    rd_kafka_poll_set_consumer(made.get());
    return made;
}

// Which partitions the topic has; zero while nobody knows. Asking does not create it.
int partition_count(rd_kafka_t* consumer, const std::string& topic) {
    const owned<rd_kafka_topic_t> handle{rd_kafka_topic_new(consumer, topic.c_str(), nullptr)};
    const rd_kafka_metadata_t* raw = nullptr;
    if (rd_kafka_metadata(consumer, 0, handle.get(), &raw, 500) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    const owned<const rd_kafka_metadata_t> metadata{raw};
    return metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR
               ? metadata->topics[0].partition_cnt
               : 0;
}

arrival read_arrival(const rd_kafka_message_t& m) {
    arrival a{.partition = m.partition, .offset = m.offset};
    rd_kafka_headers_t* headers = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    if (rd_kafka_message_headers(&m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, header_name::message_id.data(), &value, &size) ==
            RD_KAFKA_RESP_ERR_NO_ERROR)
        a.message_id.assign(static_cast<const char*>(value), size);
    const auto* payload = static_cast<const char*>(m.payload);
    const auto body = nlohmann::json::parse(payload, payload + m.len, nullptr, false);
    if (body.is_object()) {
        a.customer = body.value("customer", -1);
        a.position = body.value("position", std::int64_t{-1});
    }
    return a;
}

} // namespace

class audience::impl {
public:
    impl(const std::string& brokers, std::string topic)
        : topic_(std::move(topic))
        , consumer_(make_consumer(brokers))
        , thread_([this] { read(); }) {}

    ~impl() { join(); }

    void stop() {
        join();
        if (failure_)
            std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    void join() noexcept {
        stopping_ = true;
        if (thread_.joinable())
            thread_.join();
    }

    std::string topic_;
    owned<rd_kafka_t> consumer_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<arrival> arrivals_;
    std::set<std::string> distinct_;
    std::atomic<bool> stopping_{false};
    std::exception_ptr failure_;
    std::thread thread_;

private:
    void read() {
        try {
            while (!stopping_ && !assign()) {
            }
            while (!stopping_)
                take_batch();
        } catch (...) {
            failure_ = std::current_exception();
        }
    }

    bool assign() {
        const int count = partition_count(consumer_.get(), topic_);
        const owned<rd_kafka_topic_partition_list_t> all{rd_kafka_topic_partition_list_new(count)};
        for (int p = 0; p < count; ++p)
            rd_kafka_topic_partition_list_add(all.get(), topic_.c_str(), p)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
        if (count > 0)
            rd_kafka_assign(consumer_.get(), all.get());
        return count > 0;
    }

    void take_batch() {
        constexpr std::size_t batch_max = 1'000;
        std::vector<arrival> batch;
        int wait_ms = 100;
        while (batch.size() < batch_max) {
            const owned<rd_kafka_message_t> m{rd_kafka_consumer_poll(consumer_.get(), wait_ms)};
            if (!m)
                break;
            if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                batch.push_back(read_arrival(*m));
            wait_ms = 0;
        }
        if (batch.empty())
            return;
        const std::lock_guard lock{mutex_};
        for (arrival& a : batch) {
            distinct_.insert(a.message_id);
            arrivals_.push_back(std::move(a));
        }
        changed_.notify_all();
    }
};

audience::audience(const std::string& brokers, const std::string& topic)
    : impl_(std::make_unique<impl>(brokers, topic)) {}

audience::~audience() = default;

std::size_t audience::arrival_count() const {
    const std::lock_guard lock{impl_->mutex_};
    return impl_->arrivals_.size();
}

std::size_t audience::distinct_count() const {
    const std::lock_guard lock{impl_->mutex_};
    return impl_->distinct_.size();
}

bool audience::await_distinct(std::size_t count, int patience_ms) {
    std::unique_lock lock{impl_->mutex_};
    return impl_->changed_.wait_for(lock, std::chrono::milliseconds{patience_ms}, [&] {
        return impl_->distinct_.size() >= count || impl_->failure_;
    }) && impl_->distinct_.size() >= count;
}

void audience::stop() {
    impl_->stop();
}

std::vector<arrival> audience::arrivals() const {
    const std::lock_guard lock{impl_->mutex_};
    return impl_->arrivals_;
}

} // namespace outbox::demo
