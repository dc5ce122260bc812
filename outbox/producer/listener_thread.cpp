#include "outbox/producer/listener_thread.hpp"

#include "outbox/base/log.hpp"

#include <exception>
#include <string>
#include <utility>

namespace outbox {

void call_listener(const settled_fate& fate) noexcept {
    const bool delivered = fate.report.fate == send_fate::delivered;
    const auto& function = delivered ? fate.who.listener.on_delivered : fate.who.listener.on_failed;
    if (!function)
        return;
    const std::string which = "the listener of message " + fate.report.id.text();
    try {
        function(fate.report);
    } catch (const std::exception& e) {
        log(log_level::error, "producer", which + " threw: " + e.what());
    } catch (...) {
        log(log_level::error, "producer", which + " threw something that is no std::exception");
    }
}

void listener_thread::call(std::vector<settled_fate>&& fates) noexcept {
    bool here = false;
    {
        const std::lock_guard lock{state_->mutex};
        here = state_->stopping;
        if (!here && !thread_.joinable()) {
            try {
                thread_ = std::thread{[shared = state_] { run(shared); }};
            } catch (const std::exception&) { // no more threads: then the caller's
                here = true;
            }
        }
        if (!here) {
            for (settled_fate& fate : fates)
                state_->queue.push_back(std::move(fate));
            state_->changed.notify_all();
        }
    }
    if (here) {
        for (const settled_fate& fate : fates)
            call_listener(fate);
    }
}

std::size_t listener_thread::waiting() const noexcept {
    const std::lock_guard lock{state_->mutex};
    return state_->queue.size() + (state_->calling ? 1 : 0);
}

void listener_thread::run(const std::shared_ptr<state>& shared) noexcept {
    std::unique_lock lock{shared->mutex};
    while (true) {
        shared->changed.wait(lock, [&] { return shared->stopping || !shared->queue.empty(); });
        if (shared->queue.empty())
            return;
        {
            const settled_fate next = std::move(shared->queue.front());
            shared->queue.pop_front();
            shared->calling = true;
            lock.unlock();
            call_listener(next);
        } // what the listener held is gone before anybody is told that it is done
        lock.lock();
        shared->calling = false;
        shared->changed.notify_all();
    }
}

void listener_thread::stop(std::chrono::milliseconds patience) noexcept {
    std::unique_lock lock{state_->mutex};
    state_->stopping = true;
    state_->changed.notify_all();
    if (!thread_.joinable())
        return;
    const bool on_itself = thread_.get_id() == std::this_thread::get_id();
    const bool done = !on_itself && state_->changed.wait_for(lock, patience, [&] {
        return state_->queue.empty() && !state_->calling;
    });
    lock.unlock();
    if (done) {
        thread_.join();
        return;
    }
    if (!on_itself)
        log(log_level::warning,
            "producer",
            "stopping while a listener has not returned; those behind it are called after it");
    thread_.detach();
}

} // namespace outbox
