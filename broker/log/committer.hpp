#pragma once
// Group commit: whatever was appended while one flush was under way is made durable by the next
// one, so the disk is never idle while somebody waits and no timer lies on the path. This is the
// queue and the order of work; the thread around it lives in the log manager.

#include "outbox/base/clock.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace outbox::broker {

/// What can be flushed: a partition's log.
class flushable {
public:
    virtual ~flushable() = default;
    /// A hint that flush() will follow: lets the disks of several partitions work at the same time.
    virtual void start_flush() noexcept = 0;
    /// Makes everything appended so far durable and completes those who waited for it.
    virtual void flush() = 0;
};

class commit_queue {
public:
    /// To be flushed with the next group.
    void add(std::shared_ptr<flushable> log);
    /// To be flushed with the first group after `due`.
    void add_later(std::shared_ptr<flushable> log, tick_point due);

    /// Flushes what has been added and what is due, as one group. True if there was anything. One
    /// thread at a time.
    bool run_group(tick_point now);
    /// Flushes everything, due or not.
    void run_everything();

    /// Waits until there is something to flush, `until` has passed, or stop() was called; false
    /// after stop().
    bool wait(const clock& time, tick_point until);
    void stop();

private:
    struct timed {
        std::shared_ptr<flushable> log;
        tick_point due;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<flushable>> ready_;
    std::vector<timed> later_;
    bool stopped_ = false;
};

} // namespace outbox::broker
