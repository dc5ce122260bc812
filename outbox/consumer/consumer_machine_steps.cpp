// What follows from what the machine knows now, whatever happened: timers, calls of handlers,
// commits, limits.

#include "outbox/consumer/consumer_machine.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace outbox {

namespace {

/// Sentinel of a timer that is not set.
constexpr tick_point never = tick_point::max();

} // namespace

void consumer_machine::wake_due() {
    while (!timers_.empty() && timers_.begin()->first <= now_) {
        const auto t = timers_.begin()->second;
        timers_.erase(timers_.begin());
        const auto found = messages_.find(t);
        if (found == messages_.end())
            continue;
        auto& m = found->second;
        if (m.state == state::send_failed) {
            m.state = state::sending;
            actions_.emplace_back(m.to_send);
            continue;
        }
        if (m.state != state::held)
            continue;
        if (m.holds_partition) {
            m.holds_partition = false;
            --partitions_.at(m.home).holds;
        }
        wait_is_over(t, m);
    }
}

/// What a retry topic's name says has passed.
void consumer_machine::wait_is_over(ticket t, message& m) {
    if (!m.due || *m.due <= now_) {
        make_ready(t, m);
        return;
    }
    if (settings_.place != retry_place::any || !settings_.retries.has_topics()) {
        // Left there when it was otherwise.
        wait_until(t, m, *m.due);
        return;
    }
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(*m.due - now_);
    send( // another round
        m,
        {.ticket = t,
         .to = consumer_action::address::retry,
         .step = step_for(settings_.retries, rest),
         .attempts_made = m.attempt - 1}
    );
}

void consumer_machine::hand_out() {
    if (user_paused_ || in_doubt())
        return;
    while (calls_out_ < settings_.call_count_max && gate_.lets_pass(now_)) {
        const bool probes = gate_.would_probe();
        std::size_t count = 0;
        std::size_t last = 0;
        while (count < (probes ? 1 : settings_.batch_count_max) && !ready_.empty()) {
            const auto t = ready_.front();
            ready_.pop_front();
            const auto found = messages_.find(t);
            if (found == messages_.end() || found->second.state != state::ready)
                continue; // it went with its partition
            auto& m = found->second;
            m.state = state::in_hand;
            m.probes = probes;
            ++in_hand_;
            ++count;
            last = actions_.size();
            actions_.emplace_back(consumer_action::hand_out{
                .ticket = t,
                .attempt = m.attempt,
                .probes = probes,
                .ends_call = false});
        }
        if (count == 0)
            return;
        std::get<consumer_action::hand_out>(actions_[last]).ends_call = true;
        ++calls_out_;
        if (probes)
            gate_.probe_passed();
    }
}

std::optional<std::int64_t> consumer_machine::committable(const partition& p) const noexcept {
    const auto offset = p.window.committable();
    return offset && p.not_beyond ? std::min(*offset, *p.not_beyond) : offset;
}

bool consumer_machine::wants_commit(const partition& p) const noexcept {
    if (!settings_.commits || p.phase == phase::fenced)
        return false;
    // What is committed must be handed out; of what leaves, the rest is taken back.
    if (settings_.at_most_once && user_paused_ && p.phase == phase::owned)
        return false;
    const auto offset = committable(p);
    return offset && offset != p.committed;
}

void consumer_machine::commit() {
    if (!dirty_ || commit_out_ || now_ < commit_at_)
        return;
    dirty_ = false;
    commit_at_ = now_ + settings_.commit_interval;
    consumer_action::commit what;
    for (auto& [handle, p] : partitions_) {
        if (!wants_commit(p))
            continue;
        p.committing = committable(p);
        p.committing_count = p.window.prefix_count();
        what.offsets.emplace_back(handle, *p.committing);
    }
    if (what.offsets.empty())
        return;
    commit_out_ = true;
    ++counts_.commits;
    actions_.emplace_back(std::move(what));
}

/// Of half of a limit, for each partition.
std::size_t consumer_machine::share(std::size_t limit) const noexcept {
    return std::max<std::size_t>(1, limit / 2 / std::max<std::size_t>(1, partitions_.size()));
}

/// How much more of what is limited may be read: up to the limit. Of a partition that is paused or
/// leaves nothing more comes; if there is one, the others may have their shares beyond it.
std::size_t
consumer_machine::room_within(std::size_t limit, std::size_t used, std::size_t partition::*held)
    const noexcept {
    const auto inside = limit - std::min(limit, used);
    auto beyond = share(limit);
    if (inside >= beyond)
        return inside;
    const auto whole = beyond;
    bool some_are_closed = false;
    for (const auto& [handle, p] : partitions_) {
        if (p.paused || p.phase != phase::owned)
            some_are_closed = true;
        else if (!parking_.contains(handle))
            beyond = std::min(beyond, whole - std::min(whole, p.*held));
    }
    return some_are_closed ? std::max(inside, beyond) : inside;
}

std::size_t consumer_machine::room() const noexcept {
    if (room_bytes() == 0)
        return 0;
    return room_within(settings_.prefetch_count_max, unfinished_, &partition::unfinished);
}

std::size_t consumer_machine::room_bytes() const noexcept {
    return room_within(settings_.prefetch_bytes_max, bytes_, &partition::bytes);
}

bool consumer_machine::is_stuck() const noexcept {
    return full_since_ && now_ - *full_since_ >= full_patience;
}

bool consumer_machine::is_full(const partition& p) const noexcept {
    const auto count_max = settings_.prefetch_count_max;
    const auto bytes_max = settings_.prefetch_bytes_max;
    return p.window.span() >= settings_.span_max ||
           (is_stuck() && ((unfinished_ >= count_max / 2 && p.unfinished >= share(count_max)) ||
                           (bytes_ >= bytes_max / 2 && p.bytes >= share(bytes_max))));
}

/// Well below the limits, so that it does not change its mind with every message.
bool consumer_machine::has_room(const partition& p) const noexcept {
    const auto count_max = settings_.prefetch_count_max;
    const auto bytes_max = settings_.prefetch_bytes_max;
    return p.window.span() <= settings_.span_max / 2 &&
           (unfinished_ <= count_max / 4 || p.unfinished <= share(count_max) / 2) &&
           (bytes_ <= bytes_max / 4 || p.bytes <= share(bytes_max) / 2);
}

void consumer_machine::check_limits() {
    if (room() > 0)
        full_since_.reset();
    else if (!full_since_)
        full_since_ = now_;
    for (auto& [handle, p] : partitions_) {
        if (p.phase != phase::owned)
            continue;
        if (!p.paused && (p.holds > 0 || (!parking_.contains(handle) && is_full(p)))) {
            p.paused = true;
            actions_.emplace_back(consumer_action::pause{handle});
        } else if (p.paused && p.holds == 0 && has_room(p)) {
            p.paused = false;
            actions_.emplace_back(consumer_action::resume{handle});
        }
    }
    if (full_since_ && room() > 0)
        full_since_.reset(); // who was in the way is paused; the next one has a second again
}

tick_point consumer_machine::next_deadline() const noexcept {
    auto at = never;
    if (!timers_.empty())
        at = std::min(at, timers_.begin()->first);
    if (!ready_.empty() && !user_paused_ && !in_doubt() && calls_out_ < settings_.call_count_max)
        at = std::min(at, gate_.probe_at());
    if (dirty_ && !commit_out_)
        at = std::min(at, commit_at_);
    if (full_since_ && !is_stuck())
        at = std::min(at, *full_since_ + full_patience);
    if (leaving_ > 0) {
        for (const auto& [handle, p] : partitions_) {
            if (p.phase != phase::owned)
                at = std::min(at, p.deadline);
        }
    }
    return at;
}

} // namespace outbox
