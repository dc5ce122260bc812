#pragma once
// One librdkafka producer, held by its lifetime. It is never repaired: after a failure it is thrown
// away and the next one begins with a new producer id.

#include "outbox/message/envelope.hpp"
#include "outbox/target/kafka/flusher.hpp"
#include "outbox/target/kafka/kafka_target.hpp"

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace outbox::kafka {

/// How a producer hands messages over.
enum class manner {
    /// Whole waves. A refused batch stops the producer for good, so that nothing passes what was
    /// refused.
    together,
    /// One message per batch, one at a time; a refused message does no harm to the next.
    alone,
};

class producer_handle {
public:
    /// `wake_fd`, an eventfd, becomes readable when there are events. `batch_bytes_max` bounds one
    /// batch. Throws outbox::error (invalid_argument).
    producer_handle(
        const kafka_options& options,
        manner how,
        std::size_t batch_bytes_max,
        int wake_fd
    );
    ~producer_handle();
    producer_handle(const producer_handle&) = delete;
    producer_handle& operator=(const producer_handle&) = delete;

    /// Enqueues a copy. RD_KAFKA_RESP_ERR_NO_ERROR: exactly one delivery report will carry
    /// `opaque`. Throws outbox::error (corrupt) when the headers cannot be read.
    rd_kafka_resp_err_t produce(const stored_message& message, void* opaque);

    /// Everything is handed over: let it go.
    void release() { flusher_->release(); }

    struct event_deleter {
        void operator()(rd_kafka_event_t* event) const noexcept { rd_kafka_event_destroy(event); }
    };
    using event = std::unique_ptr<rd_kafka_event_t, event_deleter>;
    /// The next event, or null when there is none now.
    event poll() noexcept { return event{rd_kafka_queue_poll(events_, 0)}; }

    /// Librdkafka's words when it has given up for good, else empty.
    std::string fatal_error() const;

private:
    rd_kafka_topic_t* topic(const std::string& name);
    void forget_topics() noexcept;

    rd_kafka_t* handle_ = nullptr;
    rd_kafka_queue_t* events_ = nullptr;
    std::unique_ptr<flusher> flusher_;
    std::unordered_map<std::string, rd_kafka_topic_t*> topics_;
    const std::string* last_name_ = nullptr; // a key of topics_
    rd_kafka_topic_t* last_topic_ = nullptr;
};

} // namespace outbox::kafka
