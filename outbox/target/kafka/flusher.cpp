#include "outbox/target/kafka/flusher.hpp"

namespace outbox::kafka {

namespace {

constexpr int look_up_ms = 20; // how often a long flush looks whether it is to end

} // namespace

flusher::flusher(rd_kafka_t* producer) : producer_(producer), thread_([this] { run(); }) {}

flusher::~flusher() {
    {
        const std::lock_guard hold{mutex_};
        stop_ = true;
    }
    news_.notify_one();
    thread_.join();
}

void flusher::release() {
    {
        const std::lock_guard hold{mutex_};
        released_ = true;
    }
    news_.notify_one();
}

void flusher::run() {
    std::unique_lock hold{mutex_};
    while (true) {
        news_.wait(hold, [this] { return released_ || stop_; });
        if (stop_)
            return;
        released_ = false;
        hold.unlock();
        // Delivery reports are events here, so that it only waits until all of them were served.
        const bool all_out = rd_kafka_flush(producer_, look_up_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
        hold.lock();
        released_ = released_ || !all_out;
    }
}

} // namespace outbox::kafka
