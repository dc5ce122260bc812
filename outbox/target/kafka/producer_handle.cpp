#include "outbox/target/kafka/producer_handle.hpp"

#include "outbox/base/error.hpp"
#include "outbox/librdkafka/configuration.hpp"
#include "outbox/librdkafka/log_bridge.hpp"
#include "outbox/message/codec.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

namespace outbox::kafka {

namespace {

/// More subjects than this in one producer are known again by their name only when they come again.
constexpr std::size_t topic_count_max = 1'024;

/// The record's own framing, producer id and batch header, generously: what Kafka's default limit
/// of 1,048,588 leaves above our default of 1,000,000.
constexpr std::size_t framing_bytes_max = 48'576;

/// The promises of this target rest on these, and so do its own waits.
constexpr std::array<std::string_view, 15> refused_properties{
    "bootstrap.servers",
    "metadata.broker.list",
    "client.id",
    "enable.idempotence",
    "enable.gapless.guarantee",
    "acks",
    "request.required.acks",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "transactional.id",
    "retries",
    "message.send.max.retries",
    "delivery.report.only.error",
    "log.queue",
    "message.max.bytes",
};

const char* name_of(kafka_compression compression) {
    switch (compression) {
    case kafka_compression::none:
        return "none";
    case kafka_compression::gzip:
        return "gzip";
    case kafka_compression::snappy:
        return "snappy";
    case kafka_compression::lz4:
        return "lz4";
    case kafka_compression::zstd:
        return "zstd";
    }
    return "none";
}

rd_kafka_vu_t value_of(rd_kafka_vtype_t type) {
    rd_kafka_vu_t made{};
    made.vtype = type;
    return made;
}

} // namespace

producer_handle::producer_handle(
    const kafka_options& options,
    manner how,
    std::size_t batch_bytes_max,
    int wake_fd
) {
    configuration conf{"Kafka target"};
    conf.set("bootstrap.servers", options.brokers);
    conf.set("client.id", options.client_id);

    // Order and durability. Time-outs of single messages are off: they are not covered by the
    // gapless guarantee, and one that times out while its successor does not would be overtaken.
    // The wave has a deadline instead.
    conf.set("enable.idempotence", "true");
    conf.set("acks", "all");
    conf.set("enable.gapless.guarantee", how == manner::together ? "true" : "false");
    conf.set("message.timeout.ms", 0);
    conf.set("partitioner", "murmur2_random");

    // The flusher ends the linger when the wave is complete; the number only has to be longer than
    // handing over a wave takes.
    conf.set("linger.ms", 1'000);
    conf.set("sticky.partitioning.linger.ms", 10);
    conf.set("batch.num.messages", how == manner::together ? 10'000 : 1);
    conf.set(
        "batch.size",
        std::min(batch_bytes_max, options.message_bytes_max + framing_bytes_max)
    );
    conf.set("message.max.bytes", options.message_bytes_max + framing_bytes_max);
    conf.set("queue.buffering.max.messages", 0); // the wave is the limit
    conf.set("compression.codec", name_of(options.compression));

    // A broker that comes back is found within a second; a new topic within 50 ms of its creation.
    conf.set("reconnect.backoff.ms", 50);
    conf.set("reconnect.backoff.max.ms", 1'000);
    conf.set("retry.backoff.ms", 50);
    conf.set("topic.metadata.refresh.fast.interval.ms", 50);
    conf.set("topic.metadata.propagation.max.ms", 10'000);
    const auto request_timeout =
        std::clamp<std::int64_t>(options.wave_timeout.count(), 1'000, 30'000);
    conf.set("request.timeout.ms", request_timeout);
    conf.set("socket.timeout.ms", std::max<std::int64_t>(request_timeout, 10'000));
    conf.set("socket.keepalive.enable", "true");
    conf.set("socket.nagle.disable", "true");

    auto own_words = options.properties;
    if (how == manner::alone)
        own_words.erase("batch.num.messages");
    conf.set_all(own_words, refused_properties);

    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_log_cb(conf.get(), &log_from_librdkafka);
    handle_ = conf.make(RD_KAFKA_PRODUCER);
    events_ = rd_kafka_queue_get_main(handle_);
    const std::uint64_t one = 1;
    rd_kafka_queue_io_event_enable(events_, wake_fd, &one, sizeof one);
    flusher_ = std::make_unique<flusher>(handle_);
}

producer_handle::~producer_handle() {
    flusher_.reset();
    rd_kafka_queue_io_event_enable(events_, -1, nullptr, 0);
    rd_kafka_purge(
        handle_,
        RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING
    );
    forget_topics();
    rd_kafka_queue_destroy(events_);
    rd_kafka_destroy(handle_);
}

void producer_handle::forget_topics() noexcept {
    for (const auto& [name, topic] : topics_)
        rd_kafka_topic_destroy(topic);
    topics_.clear();
    last_name_ = nullptr;
}

rd_kafka_topic_t* producer_handle::topic(const std::string& name) {
    if (last_name_ != nullptr && *last_name_ == name)
        return last_topic_;
    auto found = topics_.find(name);
    if (found == topics_.end()) {
        if (topics_.size() >= topic_count_max)
            forget_topics();
        rd_kafka_topic_t* made = rd_kafka_topic_new(handle_, name.c_str(), nullptr);
        if (made == nullptr)
            return nullptr;
        found = topics_.emplace(name, made).first;
    }
    last_name_ = &found->first;
    last_topic_ = found->second;
    return last_topic_;
}

rd_kafka_resp_err_t producer_handle::produce(const stored_message& message, void* opaque) {
    const auto& content = message.content;
    const auto frozen =
        decode_headers(content.headers); // throws before anything is allocated over there
    rd_kafka_topic_t* const to = topic(content.subject);
    if (to == nullptr)
        return rd_kafka_last_error();

    rd_kafka_headers_t* const all = rd_kafka_headers_new(frozen.size() + 1);
    const auto id = content.id.text();
    rd_kafka_header_add(
        all,
        header_name::message_id.data(),
        static_cast<ssize_t>(header_name::message_id.size()),
        id.data(),
        static_cast<ssize_t>(id.size())
    );
    for (const auto& [name, value] : frozen)
        rd_kafka_header_add(
            all,
            name.data(),
            static_cast<ssize_t>(name.size()),
            value.data(),
            static_cast<ssize_t>(value.size())
        );

    using std::chrono::duration_cast, std::chrono::milliseconds;
    std::array parts{
        value_of(RD_KAFKA_VTYPE_RKT),
        value_of(RD_KAFKA_VTYPE_VALUE),
        value_of(RD_KAFKA_VTYPE_HEADERS),
        value_of(RD_KAFKA_VTYPE_TIMESTAMP),
        value_of(RD_KAFKA_VTYPE_MSGFLAGS),
        value_of(RD_KAFKA_VTYPE_OPAQUE),
        value_of(RD_KAFKA_VTYPE_KEY),
    };
    parts[0].u.rkt = to;
    parts[1].u.mem.ptr = const_cast<char*>(content.payload.data()); // NOLINT: copied, not written
    parts[1].u.mem.size = content.payload.size();
    parts[2].u.headers = all;
    parts[3].u.i64 = duration_cast<milliseconds>(message.created_at.time_since_epoch()).count();
    parts[4].u.i = RD_KAFKA_MSG_F_COPY;
    parts[5].u.ptr = opaque;
    if (content.key) {
        parts[6].u.mem.ptr = const_cast<char*>(content.key->data()); // NOLINT: copied, not written
        parts[6].u.mem.size = content.key->size();
    }
    rd_kafka_error_t* const refusal =
        rd_kafka_produceva(handle_, parts.data(), parts.size() - (content.key ? 0 : 1));
    if (refusal == nullptr)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    const auto code = rd_kafka_error_code(refusal);
    rd_kafka_error_destroy(refusal);
    rd_kafka_headers_destroy(all);
    return code;
}

std::string producer_handle::fatal_error() const {
    std::array<char, 512> words{};
    if (rd_kafka_fatal_error(handle_, words.data(), words.size()) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return {};
    return words.data();
}

} // namespace outbox::kafka
