#pragma once
// A target that keeps what it is given and answers as the test tells it to.

#include "outbox/target/target.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace outbox::testing {

/// What the target saw; shared with the test, which reads it from another thread.
class recording {
public:
    struct arrival {
        message_id id;
        std::string subject;
        std::string key;
        bytes payload;
        std::int64_t seq = 0;
    };

    void add(arrival a) {
        const std::lock_guard lock{mutex_};
        arrivals_.push_back(std::move(a));
        changed_.notify_all();
    }
    std::vector<arrival> arrivals() const {
        const std::lock_guard lock{mutex_};
        return arrivals_;
    }
    /// False when `count` did not arrive within `patience`.
    bool await_count(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds{20}) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, patience, [&] { return arrivals_.size() >= count; });
    }

    /// Decides about each message; the default delivers. Set it before the relay runs.
    std::function<fate(const stored_message&)> decide;

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<arrival> arrivals_;
};

class recording_target final : public target {
public:
    explicit recording_target(recording& into) noexcept : into_(&into) {}

    target_capabilities capabilities() const override {
        return {.name = "recording", .ordered_by_key = true, .deduplicates_retries = false, .message_bytes_max = 1U << 20U};
    }
    void deliver(std::span<const stored_message* const> wave) override {
        for (std::size_t i = 0; i < wave.size(); ++i) {
            const stored_message& m = *wave[i];
            const fate what = into_->decide ? into_->decide(m) : fate::delivered;
            if (what == fate::delivered)
                into_->add({m.content.id, m.content.subject, m.content.key.value_or(""), m.content.payload, m.seq});
            ready_.push_back({i, what, what == fate::delivered ? "" : "as the test wants it"});
        }
    }
    void await(std::chrono::milliseconds, std::vector<delivery_outcome>& outcomes) override {
        outcomes.insert(outcomes.end(), ready_.begin(), ready_.end());
        ready_.clear();
    }
    void cancel() override {}
    void wake() noexcept override {}

private:
    recording* into_;
    std::vector<delivery_outcome> ready_;
};

} // namespace outbox::testing
