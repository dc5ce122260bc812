#pragma once
// Lets a wave go the moment it is complete. Librdkafka's linger either begins to send while the
// wave is still being handed over, in crumbs, one request per partition at a time, and spins until
// they are answered; or it keeps a single message waiting. So the linger is long, and
// rd_kafka_flush ends it. That call blocks for as long as the wave is out, hence the thread.

#include <librdkafka/rdkafka.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace outbox::kafka {

class flusher {
public:
    /// `producer` must outlive it.
    explicit flusher(rd_kafka_t* producer);
    /// Within 20 ms, whatever is still on its way.
    ~flusher();
    flusher(const flusher&) = delete;
    flusher& operator=(const flusher&) = delete;

    /// From now until nothing is on its way any more, messages leave without lingering.
    void release();

private:
    void run();

    rd_kafka_t* producer_;
    std::mutex mutex_;
    std::condition_variable news_;
    bool released_ = false;
    bool stop_ = false;
    std::thread thread_;
};

} // namespace outbox::kafka
