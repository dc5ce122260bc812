#pragma once
// A target that hands each wave on when it is its turn. The relay knows nothing of it: to it, the
// target is slow, and it keeps its lease meanwhile.

#include "outbox/base/clock.hpp"
#include "outbox/target/target.hpp"
#include "watchdog/turns.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

namespace outbox::watchdog {

/// The turns of all relays that share a target. Any thread.
class turn_desk {
public:
    explicit turn_desk(const turn_rules& rules, const clock& time = system_clock())
        : turns_(rules)
        , time_(&time) {}

    int enter();
    void want(int who, int priority);
    /// True once it is who's turn. Waits for that at most `patience`, or until wake(who), also when
    /// that came before.
    bool await_turn(int who, std::chrono::milliseconds patience);
    void done(int who);
    void wake(int who);
    std::size_t waiting_count();

private:
    /// Hands out what can be; when to do so again, if nothing happens.
    std::optional<tick_point> hand_out();

    std::mutex mutex_{};
    std::condition_variable changed_{};
    turns turns_;
    std::set<int> granted_{};
    int entered_ = 0;
    std::set<int> woken_{};
    const clock* time_;
};

class turn_taking_target final : public target {
public:
    turn_taking_target(std::unique_ptr<target> to, std::shared_ptr<turn_desk> desk, int priority);
    ~turn_taking_target() override;

    target_capabilities capabilities() const override { return to_->capabilities(); }
    void deliver(std::span<const stored_message* const> wave) override;
    void await(std::chrono::milliseconds timeout, std::vector<delivery_outcome>& outcomes) override;
    void cancel() override;
    void wake() noexcept override;

private:
    enum class state { idle, waiting, cancelled, sending };

    std::unique_ptr<target> to_;
    std::shared_ptr<turn_desk> desk_;
    int priority_;
    int who_;
    state state_ = state::idle;
    std::span<const stored_message* const> wave_{};
    std::size_t unanswered_ = 0;
};

} // namespace outbox::watchdog
