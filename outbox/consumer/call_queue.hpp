#pragma once
// Between the consumer's loop and the threads that call the handler: calls go one way, what was
// said comes back. Bounded by what the loop hands out.

#include "outbox/consumer/consumer_machine.hpp"
#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/outcome.hpp"
#include "outbox/consumer/record.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace outbox {

/// A record on its way through the consumer. Belongs to the loop, except for `meaning` while it is
/// in hand, which then only the handler's thread touches.
struct work_item {
    outbox::ticket ticket = 0;
    outbox::record record{};
    record_position at{};
    std::optional<delivery> meaning{};
    /// Of the last failure.
    std::string reason{};
    std::optional<std::int64_t> retry_at_ms{};
    /// Where it was sent last.
    bool to_dead_letters = false;
};

/// One call of the handler.
struct handler_call {
    std::vector<std::shared_ptr<work_item>> items{};
    bool probes = false;
};

struct call_result {
    outbox::ticket ticket = 0;
    outcome said = outcome::ack();
    bool ends_call = true;
};

class call_queue {
public:
    void push(handler_call call) {
        {
            const std::lock_guard hold{mutex_};
            if (abandoned_)
                answer_unheard(call);
            else
                calls_.push_back(std::move(call));
        }
        news_.notify_one();
    }
    /// Waits; nothing when there will be no more.
    std::optional<handler_call> take() {
        std::unique_lock hold{mutex_};
        news_.wait(hold, [this] { return closed_ || has_one(); });
        return first();
    }
    /// The same, but waits no longer than `longest`, and not when `is_over()`.
    template <class IsOver>
    std::optional<handler_call> take(std::chrono::milliseconds longest, IsOver&& is_over) {
        std::unique_lock hold{mutex_};
        news_.wait_for(hold, longest, [&] { return closed_ || is_over() || has_one(); });
        return is_over() ? std::nullopt : first();
    }
    /// As long as it is held nothing is taken.
    void set_held(bool held) {
        {
            const std::lock_guard hold{mutex_};
            held_ = held;
        }
        news_.notify_all();
    }
    /// What is_over() says may have changed.
    void look_again() {
        { const std::lock_guard hold{mutex_}; } // whoever has asked it before is asleep now
        news_.notify_all();
    }
    /// Nobody will take anything any more, and the loop goes on: it hears that nothing was done.
    void abandon() {
        const std::lock_guard hold{mutex_};
        abandoned_ = true;
        for (const auto& call : std::exchange(calls_, {}))
            answer_unheard(call);
    }
    /// What nobody has taken is not taken any more.
    void close() {
        {
            const std::lock_guard hold{mutex_};
            closed_ = true;
            calls_.clear();
        }
        news_.notify_all();
    }

    /// Those of `which` that nobody has taken, and now nobody will, from the last to the first.
    std::vector<consumer_event::withdrawn> withdraw(const std::unordered_set<ticket>& which) {
        const std::lock_guard hold{mutex_};
        std::vector<consumer_event::withdrawn> back;
        for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
            std::erase_if(call->items, [&](const auto& item) {
                const bool goes = which.contains(item->ticket);
                if (goes)
                    back.push_back({.ticket = item->ticket, .ends_call = false});
                return goes;
            });
            if (call->items.empty())
                back.back().ends_call = true;
        }
        std::erase_if(calls_, [](const auto& call) { return call.items.empty(); });
        return back;
    }

    /// True when there was nothing to collect before: somebody may have to be woken.
    bool answer(std::vector<call_result>&& results) {
        const std::lock_guard hold{mutex_};
        const bool was_empty = results_.empty();
        for (auto& each : results)
            results_.push_back(std::move(each));
        return was_empty;
    }
    void collect(std::vector<call_result>& to) {
        const std::lock_guard hold{mutex_};
        to.swap(results_);
        results_.clear();
    }

private:
    void answer_unheard(const handler_call& call) {
        for (std::size_t i = 0; i < call.items.size(); ++i)
            results_.push_back(
                {.ticket = call.items[i]->ticket,
                 .said = outcome::retry("nobody has taken it"),
                 .ends_call = i + 1 == call.items.size()}
            );
    }
    bool has_one() const { return !held_ && !calls_.empty(); }
    std::optional<handler_call> first() {
        if (!has_one())
            return std::nullopt;
        auto call = std::move(calls_.front());
        calls_.pop_front();
        return call;
    }

    std::mutex mutex_;
    std::condition_variable news_;
    std::deque<handler_call> calls_;
    std::vector<call_result> results_;
    bool held_ = false;
    bool closed_ = false;
    bool abandoned_ = false;
};

} // namespace outbox
