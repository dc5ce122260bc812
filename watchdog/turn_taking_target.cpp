#include "watchdog/turn_taking_target.hpp"

#include <algorithm>
#include <utility>

namespace outbox::watchdog {

int turn_desk::enter() {
    const std::lock_guard lock{mutex_};
    return ++entered_;
}

std::optional<tick_point> turn_desk::hand_out() {
    while (true) {
        const turns::answer answer = turns_.next(time_->ticks());
        if (!answer.next)
            return answer.ask_again;
        granted_.insert(*answer.next);
        changed_.notify_all();
    }
}

void turn_desk::want(int who, int priority) {
    const std::lock_guard lock{mutex_};
    turns_.want(who, priority);
    hand_out();
}

// Whoever waits also sees to a place that was kept for a while: nobody else may be awake.
bool turn_desk::await_turn(int who, std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    const tick_point end = time_->ticks() + patience;
    while (true) {
        const auto ask_again = hand_out();
        if (granted_.contains(who))
            return true;
        const tick_point now = time_->ticks();
        if (now >= end || woken_.erase(who) > 0)
            return false;
        changed_.wait_for(lock, std::min(end, ask_again.value_or(end)) - now);
    }
}

void turn_desk::done(int who) {
    const std::lock_guard lock{mutex_};
    granted_.erase(who);
    woken_.erase(who);
    turns_.done(who, time_->ticks());
    hand_out();
    changed_.notify_all(); // so that one of them waits for the end of the keeping
}

std::size_t turn_desk::waiting_count() {
    const std::lock_guard lock{mutex_};
    return turns_.waiting_count();
}

void turn_desk::wake(int who) {
    const std::lock_guard lock{mutex_};
    woken_.insert(who);
    changed_.notify_all();
}

turn_taking_target::turn_taking_target(
    std::unique_ptr<target> to,
    std::shared_ptr<turn_desk> desk,
    int priority
)
    : to_(std::move(to))
    , desk_(std::move(desk))
    , priority_(priority)
    , who_(desk_->enter()) {}

turn_taking_target::~turn_taking_target() {
    desk_->done(who_);
}

void turn_taking_target::deliver(std::span<const stored_message* const> wave) {
    wave_ = wave;
    unanswered_ = wave.size();
    state_ = state::waiting;
    desk_->want(who_, priority_);
}

void turn_taking_target::await(
    std::chrono::milliseconds timeout,
    std::vector<delivery_outcome>& outcomes
) {
    if (state_ == state::cancelled) {
        for (std::size_t i = 0; i < wave_.size(); ++i)
            outcomes.push_back(
                {.index = i, .fate = fate::unavailable, .reason = "it was not this relay's turn"}
            );
        state_ = state::idle;
        return;
    }
    if (state_ == state::waiting) {
        if (!desk_->await_turn(who_, timeout))
            return;
        state_ = state::sending;
        to_->deliver(wave_);
        timeout = std::chrono::milliseconds{0}; // what was left of it is spent
    }
    const std::size_t before = outcomes.size();
    to_->await(timeout, outcomes);
    unanswered_ -= std::min(unanswered_, outcomes.size() - before);
    if (state_ == state::sending && unanswered_ == 0) {
        state_ = state::idle;
        desk_->done(who_);
    }
}

void turn_taking_target::cancel() {
    if (state_ == state::waiting) {
        desk_->done(who_);
        state_ = state::cancelled;
    } else {
        to_->cancel();
    }
}

void turn_taking_target::wake() noexcept {
    desk_->wake(who_);
    to_->wake();
}

} // namespace outbox::watchdog
