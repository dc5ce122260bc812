#include "watchdog/turns.hpp"

#include <algorithm>
#include <utility>

namespace outbox::watchdog {

void turns::want(int who, int priority) {
    waiting_.push_back({.who = who, .priority = priority});
}

turns::answer turns::next(tick_point now) {
    if (waiting_.empty() || std::cmp_greater_equal(sending_.size(), rules_.at_once))
        return {};
    const auto starved = std::ranges::find_if(waiting_, [&](const waiting& w) {
        return w.passed_over >= rules_.passed_over_max;
    });
    const auto chosen = starved != waiting_.end()
                            ? starved
                            : std::ranges::max_element(waiting_, {}, &waiting::priority);
    if (starved == waiting_.end() && chosen->priority < kept_priority_ && now < kept_until_)
        return {.next = std::nullopt, .ask_again = kept_until_};
    const waiting taken = *chosen;
    waiting_.erase(chosen);
    for (waiting& w : waiting_)
        w.passed_over += w.priority < taken.priority ? 1 : 0;
    sending_.push_back({.who = taken.who, .priority = taken.priority});
    return {.next = taken.who, .ask_again = std::nullopt};
}

void turns::done(int who, tick_point now) {
    std::erase_if(waiting_, [&](const waiting& w) { return w.who == who; });
    const auto left = std::ranges::find(sending_, who, &sending::who);
    if (left == sending_.end())
        return;
    if (now >= kept_until_ || left->priority >= kept_priority_) {
        kept_priority_ = left->priority;
        kept_until_ = now + rules_.kept_for;
    }
    sending_.erase(left);
}

} // namespace outbox::watchdog
