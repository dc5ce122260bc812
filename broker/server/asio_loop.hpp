#pragma once
// The loop on Boost.Asio: one thread that runs everything, one worker thread for what blocks.

#include "broker/api/loop.hpp"
#include "broker/server/asio.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace outbox::broker {

class asio_loop final : public loop {
public:
    asio_loop();
    /// Jobs that were posted and never ran are dropped.
    ~asio_loop() override;

    /// Returns when the worker has finished what was offloaded; nothing may be offloaded
    /// afterwards. To be called before anything that jobs use goes away.
    void stop_worker();

    void post(std::function<void()> job) override;
    void offload(std::function<void()> job) override;
    void wake_at(tick_point when) override;

    /// Called at the times that wake_at() asked for.
    void on_wake(std::function<void()> wake) { wake_ = std::move(wake); }

    asio::io_context& context() noexcept { return context_; }

private:
    void drain();
    void arm();
    void work();

    asio::io_context context_{1};
    asio::steady_timer timer_{context_};
    tick_point armed_ = tick_point::max();
    std::function<void()> wake_;

    std::mutex inbox_mutex_;
    std::vector<std::function<void()>> inbox_;

    std::mutex work_mutex_;
    std::condition_variable work_ready_;
    std::vector<std::function<void()>> work_;
    bool stopping_ = false;
    std::thread worker_;
};

} // namespace outbox::broker
