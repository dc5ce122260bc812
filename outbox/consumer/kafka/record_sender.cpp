#include "outbox/consumer/kafka/record_sender.hpp"

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/consumer/kafka/topic_maker.hpp"
#include "outbox/librdkafka/configuration.hpp"
#include "outbox/librdkafka/log_bridge.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace outbox::kafka {

namespace {

/// What a broker takes is for the broker to say.
constexpr int message_bytes_max = 1'000'000'000;
/// Then it is said that it did not work, and the consumer tries again.
constexpr int send_timeout_ms = 30'000;
/// More topics than this are made again, which does no harm.
constexpr std::size_t topics_known_max = 1'000;
/// A producer that fails at once, because it may not write at all, is not made anew for each
/// record.
constexpr std::chrono::seconds client_life_min{1};

/// For consumers only, or what this client must not do.
bool is_for_consumers(const std::string& name) {
    constexpr std::array<std::string_view, 12> prefixes{
        "group.",
        "session.",
        "heartbeat.",
        "max.poll.",
        "fetch.",
        "auto.offset",
        "partition.assignment",
        "isolation.",
        "queued.",
        "check.crcs",
        "coordinator.",
        "allow.auto",
    };
    return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
        return name.starts_with(prefix);
    });
}

struct event_deleter {
    void operator()(rd_kafka_event_t* event) const noexcept { rd_kafka_event_destroy(event); }
};
using event_ptr = std::unique_ptr<rd_kafka_event_t, event_deleter>;

ticket ticket_of(const void* opaque) noexcept {
    return reinterpret_cast<std::uintptr_t>(opaque);
}

rd_kafka_vu_t value_of(rd_kafka_vtype_t type, const std::optional<bytes_view>& what) {
    rd_kafka_vu_t made{};
    made.vtype = type;
    if (what) {
        // Empty is not null.
        made.u.mem.ptr = const_cast<char*>(what->data() != nullptr ? what->data() : ""); // NOLINT
        made.u.mem.size = what->size();
    }
    return made;
}

} // namespace

record_sender::record_sender(const kafka_source_options& options, int wake_fd)
    : options_(&options)
    , wake_fd_(wake_fd) {
    make_client();
}

void record_sender::make_client() {
    const auto& options = *options_;
    configuration conf{"Kafka consumer's sender"};
    conf.set("bootstrap.servers", options.brokers);
    conf.set("client.id", options.client_id);
    conf.set("enable.idempotence", "true");
    conf.set("acks", "all");
    conf.set("message.timeout.ms", send_timeout_ms);
    conf.set("partitioner", "murmur2_random");
    conf.set("linger.ms", 0);
    conf.set("message.max.bytes", message_bytes_max);
    conf.set("reconnect.backoff.ms", 50);
    conf.set("reconnect.backoff.max.ms", 1'000);
    conf.set("topic.metadata.refresh.fast.interval.ms", 50);
    conf.set("socket.keepalive.enable", "true");
    for (const auto& [name, value] : options.properties) {
        if (!is_for_consumers(name))
            conf.set(name, value);
    }
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_log_cb(conf.get(), &log_from_librdkafka);
    client_ = conf.make(RD_KAFKA_PRODUCER);
    events_ = rd_kafka_queue_get_main(client_);
    const std::uint64_t one = 1;
    rd_kafka_queue_io_event_enable(events_, wake_fd_, &one, sizeof one);
    made_at_ = system_clock().ticks();
}

record_sender::~record_sender() {
    end_client();
}

void record_sender::end_client() noexcept {
    if (client_ == nullptr)
        return;
    rd_kafka_queue_io_event_enable(events_, -1, nullptr, 0);
    rd_kafka_purge(
        client_,
        RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING
    );
    rd_kafka_queue_destroy(std::exchange(events_, nullptr));
    rd_kafka_destroy(std::exchange(client_, nullptr));
}

rd_kafka_t* record_sender::client() {
    if (client_ == nullptr)
        make_client();
    return client_;
}

/// For a record; false: not now.
bool record_sender::has_client(std::string& trouble) {
    if (client_ != nullptr)
        return true;
    if (system_clock().ticks() < made_at_ + client_life_min) {
        trouble = last_failure_;
        return false;
    }
    try {
        make_client();
    } catch (const error& e) {
        trouble = e.what();
        return false;
    }
    return true;
}

/// Whether the broker has what is open is not known; it is sent again.
void record_sender::give_up_client() {
    std::array<char, 512> words{};
    rd_kafka_fatal_error(client_, words.data(), words.size());
    last_failure_ = std::string{"the producer failed and is replaced: "} + words.data();
    for (const auto t : std::exchange(open_, {}))
        answers_.push_back({t, last_failure_});
    for (const auto& [topic, those] : std::exchange(asked_, {})) {
        for (const auto& [t, what] : those)
            answers_.push_back({t, last_failure_});
    }
    has_failed_ = false;
    end_client();
}

void record_sender::make_topics(
    const std::vector<std::string>& topics,
    std::chrono::milliseconds patience,
    std::optional<int> partition_count
) {
    if (topics.empty())
        return;
    const auto end = system_clock().ticks() + patience;
    struct queue_deleter {
        void operator()(rd_kafka_queue_t* queue) const noexcept { rd_kafka_queue_destroy(queue); }
    };
    const std::unique_ptr<rd_kafka_queue_t, queue_deleter> queue{rd_kafka_queue_new(client())};
    auto missing = topics;
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - system_clock().ticks());
        ask_for_topics(
            client_,
            missing,
            *options_,
            std::max(left, {}),
            queue.get(),
            partition_count
        );
        const event_ptr event{rd_kafka_queue_poll(queue.get(), -1)}; // the question has a time-out
        std::string trouble;
        std::vector<std::string> again;
        for (const auto& answer : read_topic_answers(*event, missing)) {
            if (answer.trouble.empty())
                there_.insert(answer.topic);
            else if (!answer.retryable)
                throw error{
                    error_kind::rejected,
                    "the topic " + answer.topic + " cannot be made: " + answer.trouble,
                    "let this user create topics whose names begin with the group's, or make it "
                    "yourself"};
            else {
                trouble = answer.trouble;
                again.push_back(answer.topic);
            }
        }
        if (again.empty())
            return;
        if (system_clock().ticks() >= end)
            throw error{
                error_kind::unreachable,
                "Kafka at " + options_->brokers + ": " + trouble,
                "is it running, and is the address right?"};
        missing = std::move(again);
    }
}

void record_sender::send(ticket t, outgoing_record what) {
    if (std::string trouble; !has_client(trouble)) {
        answers_.push_back({t, std::move(trouble)});
        return;
    }
    if (!what.makes_topic || there_.contains(what.topic)) {
        produce(t, what);
        return;
    }
    auto [to, fresh] = asked_.try_emplace(what.topic);
    if (fresh)
        ask_for_topics(
            client_,
            {what.topic},
            *options_,
            std::chrono::milliseconds{send_timeout_ms},
            events_
        );
    to->second.emplace_back(t, std::move(what));
}

void record_sender::produce(ticket t, const outgoing_record& what) {
    rd_kafka_headers_t* const headers = rd_kafka_headers_new(what.headers.size());
    for (const auto& [name, value] : what.headers)
        rd_kafka_header_add(
            headers,
            name.data(),
            static_cast<ssize_t>(name.size()),
            value ? value->data() : nullptr,
            value ? static_cast<ssize_t>(value->size()) : 0
        );
    std::array parts{
        value_of(RD_KAFKA_VTYPE_TOPIC, {}),
        value_of(RD_KAFKA_VTYPE_KEY, what.key),
        value_of(RD_KAFKA_VTYPE_VALUE, what.value),
        value_of(RD_KAFKA_VTYPE_HEADERS, {}),
        value_of(RD_KAFKA_VTYPE_MSGFLAGS, {}),
        value_of(RD_KAFKA_VTYPE_OPAQUE, {}),
        value_of(RD_KAFKA_VTYPE_PARTITION, {}),
    };
    parts[0].u.cstr = what.topic.c_str();
    parts[3].u.headers = headers;
    parts[4].u.i = RD_KAFKA_MSG_F_COPY;
    parts[5].u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(t)); // NOLINT: a number
    parts[6].u.i32 = what.partition.value_or(RD_KAFKA_PARTITION_UA);
    rd_kafka_error_t* const refusal = rd_kafka_produceva(client_, parts.data(), parts.size());
    if (refusal == nullptr) {
        open_.insert(t);
        return;
    }
    has_failed_ = has_failed_ || rd_kafka_error_code(refusal) == RD_KAFKA_RESP_ERR__FATAL;
    answers_.push_back({t, rd_kafka_error_string(refusal)});
    rd_kafka_error_destroy(refusal);
    rd_kafka_headers_destroy(headers);
}

void record_sender::hear_topics(rd_kafka_event_t& event) {
    std::vector<std::string> asked;
    for (const auto& [topic, those] : asked_)
        asked.push_back(topic);
    for (const auto& answer : read_topic_answers(event, asked)) {
        const auto found = asked_.find(answer.topic);
        if (found == asked_.end())
            continue;
        const auto those = std::move(found->second);
        asked_.erase(found);
        if (answer.trouble.empty()) {
            if (there_.size() >= topics_known_max)
                there_.clear();
            there_.insert(answer.topic);
            for (const auto& [t, what] : those)
                produce(t, what);
        } else {
            for (const auto& [t, what] : those)
                answers_.push_back({t, "topic " + answer.topic + ": " + answer.trouble});
        }
    }
}

void record_sender::serve(std::vector<source_event_type>& news) {
    while (const event_ptr event{events_ != nullptr ? rd_kafka_queue_poll(events_, 0) : nullptr}) {
        switch (rd_kafka_event_type(event.get())) {
        case RD_KAFKA_EVENT_DR:
            while (const rd_kafka_message_t* report = rd_kafka_event_message_next(event.get())) {
                const bool taken = report->err == RD_KAFKA_RESP_ERR_NO_ERROR;
                if (report->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                    report->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
                    there_.clear(); // somebody has deleted it
                open_.erase(ticket_of(report->_private));
                news.emplace_back(source_event::sent{
                    ticket_of(report->_private),
                    taken ? std::string{} : rd_kafka_err2str(report->err),
                    report->offset});
            }
            break;
        case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
            hear_topics(*event);
            break;
        case RD_KAFKA_EVENT_ERROR:
            has_failed_ = has_failed_ || rd_kafka_event_error_is_fatal(event.get()) != 0;
            news.emplace_back(source_event::trouble{rd_kafka_event_error_string(event.get())});
            break;
        default:
            break;
        }
    }
    if (has_failed_ && client_ != nullptr)
        give_up_client();
    for (auto& each : answers_)
        news.emplace_back(std::move(each));
    answers_.clear();
}

} // namespace outbox::kafka
