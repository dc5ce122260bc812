#include "broker/log/committer.hpp"

#include <algorithm>
#include <utility>

namespace outbox::broker {
namespace {

void flush_all(const std::vector<std::shared_ptr<flushable>>& group) {
    if (group.size() > 1) {
        for (const auto& log : group)
            log->start_flush();
    }
    for (const auto& log : group)
        log->flush();
}

} // namespace

void commit_queue::add(std::shared_ptr<flushable> log) {
    {
        const std::lock_guard lock{mutex_};
        ready_.push_back(std::move(log));
    }
    changed_.notify_one();
}

void commit_queue::add_later(std::shared_ptr<flushable> log, tick_point due) {
    bool is_first = false;
    {
        const std::lock_guard lock{mutex_};
        is_first =
            std::all_of(later_.begin(), later_.end(), [&](const timed& t) { return due < t.due; });
        later_.push_back({std::move(log), due});
    }
    if (is_first)
        changed_.notify_one();
}

bool commit_queue::run_group(tick_point now) {
    std::vector<std::shared_ptr<flushable>> group;
    {
        const std::lock_guard lock{mutex_};
        group.swap(ready_);
        const auto due = std::partition(later_.begin(), later_.end(), [&](const timed& t) {
            return t.due > now;
        });
        for (auto entry = due; entry != later_.end(); ++entry)
            group.push_back(std::move(entry->log));
        later_.erase(due, later_.end());
    }
    flush_all(group);
    return !group.empty();
}

void commit_queue::run_everything() {
    while (run_group(tick_point::max())) {
    }
}

bool commit_queue::wait(const clock& time, tick_point until) {
    std::unique_lock lock{mutex_};
    while (!stopped_ && ready_.empty()) {
        tick_point first = until;
        for (const timed& entry : later_)
            first = std::min(first, entry.due);
        const tick_point now = time.ticks();
        if (first <= now)
            return true;
        changed_.wait_for(lock, std::min<tick_point::duration>(first - now, std::chrono::hours{1}));
    }
    return !stopped_;
}

void commit_queue::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
    }
    changed_.notify_all();
}

} // namespace outbox::broker
