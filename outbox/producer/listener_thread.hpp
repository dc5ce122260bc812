#pragma once
// The thread on which listeners are called, one after the other, so that one that blocks, throws or
// destroys the producer stops nobody's socket and holds nobody's lock.

#include "outbox/producer/watcher.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace outbox {

/// Calls the one function of the two that fits. Swallows and logs what it throws.
void call_listener(const settled_fate& fate) noexcept;

class listener_thread {
public:
    listener_thread() = default;
    ~listener_thread() { stop(std::chrono::milliseconds{0}); }
    listener_thread(const listener_thread&) = delete;
    listener_thread& operator=(const listener_thread&) = delete;

    /// Any thread. Starts the thread with the first of them; when that is impossible, or after
    /// stop(), they are called here.
    void call(std::vector<settled_fate>&& fates) noexcept;

    /// How many wait for their turn, the one that is being called included. Any thread.
    std::size_t waiting() const noexcept;

    /// Waits until all are called, at most `patience`. What is left is still called, by a thread
    /// that nobody waits for any more: a listener that never returns is no reason not to stop. On
    /// the thread itself it does not wait. Once.
    void stop(std::chrono::milliseconds patience) noexcept;

private:
    struct state {
        std::mutex mutex{};
        std::condition_variable changed{};
        std::deque<settled_fate> queue{};
        bool calling = false;
        bool stopping = false;
    };
    static void run(const std::shared_ptr<state>& shared) noexcept;

    // Shared with the thread, which may outlive this object.
    std::shared_ptr<state> state_ = std::make_shared<state>();
    std::thread thread_;
};

} // namespace outbox
