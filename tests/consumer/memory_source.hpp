#pragma once
// A log in memory for one consumer: what it commits and sends can be looked at while it runs.

#include "outbox/consumer/record_source.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace outbox {

/// Outlives the consumer; any thread.
class memory_log {
public:
    void add(const std::string& topic, const std::string& key, const std::string& value) {
        auto both = std::make_shared<const std::string>(key + value);
        record made{.timestamp_ms = 1'800'000'000'000};
        made.key = bytes_view{*both}.substr(0, key.size());
        made.value = bytes_view{*both}.substr(key.size());
        made.keeper = std::move(both);
        add(topic, std::move(made));
    }
    /// What `made` points into is kept by its keeper.
    void add(const std::string& topic, record made) {
        const std::lock_guard hold{mutex_};
        auto& records = topics_[topic];
        made.offset = static_cast<std::int64_t>(records.size());
        records.push_back(std::move(made));
    }
    std::int64_t committed(const std::string& topic) const {
        const std::lock_guard hold{mutex_};
        const auto found = committed_.find(topic);
        return found == committed_.end() ? 0 : found->second;
    }
    std::vector<outgoing_record> sent() const {
        const std::lock_guard hold{mutex_};
        return sent_;
    }
    /// Its partition goes to another member, for good.
    void take_away(const std::string& topic) {
        const std::lock_guard hold{mutex_};
        taken_away_.push_back(topic);
    }

private:
    friend class memory_source;
    mutable std::mutex mutex_;
    std::map<std::string, std::vector<record>> topics_;
    std::map<std::string, std::int64_t> committed_;
    std::vector<outgoing_record> sent_;
    std::vector<std::string> taken_away_;
};

/// One partition for each topic; nothing ever fails.
class memory_source : public record_source {
public:
    explicit memory_source(memory_log& log) : log_(&log) {}

    void open(const subscription& what, std::chrono::milliseconds) override {
        for (const auto& topic : what.topics) {
            names_.push_back(topic);
            position_.push_back(0);
            paused_.push_back(false);
            news_.emplace_back(source_event::assigned{names_.size(), topic, 0});
        }
    }
    void poll(
        std::chrono::milliseconds timeout,
        poll_limits limits,
        std::vector<source_event_type>& news
    ) override {
        {
            std::unique_lock hold{wake_mutex_};
            if (news_.empty() && !has_records())
                woken_.wait_for(hold, timeout, [this] { return wake_; });
            wake_ = false;
        }
        news = std::move(news_);
        news_.clear();
        const std::lock_guard hold{log_->mutex_};
        for (const auto& topic : std::exchange(log_->taken_away_, {})) {
            const auto i = std::find(names_.begin(), names_.end(), topic) - names_.begin();
            paused_[static_cast<std::size_t>(i)] = true;
            news.emplace_back(source_event::revoked{static_cast<partition_handle>(i) + 1});
        }
        std::size_t bytes_told = 0;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            const auto& records = log_->topics_[names_[i]];
            while (!paused_[i] && position_[i] < records.size() && news.size() < limits.count_max &&
                   bytes_told < limits.bytes_max) {
                const auto& next = records[position_[i]++];
                bytes_told += next.size_bytes();
                news.emplace_back(source_event::fetched{i + 1, next});
            }
        }
    }
    void wake() noexcept override {
        {
            const std::lock_guard hold{wake_mutex_};
            wake_ = true;
        }
        woken_.notify_one();
    }
    void pause(partition_handle p) override { paused_[p - 1] = true; }
    void resume(partition_handle p) override { paused_[p - 1] = false; }
    void commit(const std::vector<std::pair<partition_handle, std::int64_t>>& offsets) override {
        const std::lock_guard hold{log_->mutex_};
        source_event::committed answer;
        for (const auto& [p, offset] : offsets) {
            log_->committed_[names_[p - 1]] = offset;
            answer.results.emplace_back(p, consumer_event::commit_result::committed);
        }
        news_.emplace_back(std::move(answer));
    }
    void send(ticket t, outgoing_record what) override {
        const std::lock_guard hold{log_->mutex_};
        log_->sent_.push_back(std::move(what));
        news_.emplace_back(source_event::sent{t, {}});
    }
    void release(partition_handle) override {}
    partition_ends ends(partition_handle) const override { return {}; }
    void close() noexcept override {}

private:
    bool has_records() const {
        const std::lock_guard hold{log_->mutex_};
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (!paused_[i] && position_[i] < log_->topics_[names_[i]].size())
                return true;
        }
        return false;
    }

    memory_log* log_;
    std::vector<std::string> names_;
    std::vector<std::size_t> position_;
    std::vector<bool> paused_;
    std::vector<source_event_type> news_;
    std::mutex wake_mutex_;
    std::condition_variable woken_;
    bool wake_ = false;
};

} // namespace outbox
