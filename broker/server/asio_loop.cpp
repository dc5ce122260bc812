#include "broker/server/asio_loop.hpp"

#include <utility>

namespace outbox::broker {

asio_loop::asio_loop() : worker_([this] { work(); }) {}

asio_loop::~asio_loop() {
    stop_worker();
}

void asio_loop::stop_worker() {
    if (!worker_.joinable())
        return;
    {
        const std::lock_guard lock(work_mutex_);
        stopping_ = true;
    }
    work_ready_.notify_one();
    worker_.join();
}

// One wake-up of the loop for any number of jobs: the committer posts one per request and group.
void asio_loop::post(std::function<void()> job) {
    bool first = false;
    {
        const std::lock_guard lock(inbox_mutex_);
        first = inbox_.empty();
        inbox_.push_back(std::move(job));
    }
    if (first)
        asio::post(context_, [this] { drain(); });
}

void asio_loop::drain() {
    std::vector<std::function<void()>> jobs;
    {
        const std::lock_guard lock(inbox_mutex_);
        jobs.swap(inbox_);
    }
    for (auto& job : jobs)
        job();
}

void asio_loop::offload(std::function<void()> job) {
    {
        const std::lock_guard lock(work_mutex_);
        work_.push_back(std::move(job));
    }
    work_ready_.notify_one();
}

void asio_loop::work() {
    for (;;) {
        std::vector<std::function<void()>> jobs;
        {
            std::unique_lock lock(work_mutex_);
            work_ready_.wait(lock, [this] { return stopping_ || !work_.empty(); });
            if (work_.empty())
                return;
            jobs.swap(work_);
        }
        for (auto& job : jobs)
            job();
    }
}

void asio_loop::wake_at(tick_point when) {
    if (when >= armed_)
        return;
    armed_ = when;
    arm();
}

void asio_loop::arm() {
    timer_.expires_at(armed_);
    timer_.async_wait([this](const boost::system::error_code& ec) {
        if (ec)
            return; // armed again for an earlier time
        armed_ = tick_point::max();
        if (wake_)
            wake_();
    });
}

} // namespace outbox::broker
