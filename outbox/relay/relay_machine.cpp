#include "outbox/relay/relay_machine.hpp"

#include "outbox/base/fault.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace outbox {
namespace {

using std::chrono::milliseconds;

// How soon a write is tried again when the database had somebody else's write transaction open.
constexpr milliseconds busy_pause{100};
// Between two bounded pieces of removal work, so that they do not crowd out reading.
constexpr milliseconds removal_pause{5};
// The same for what consumers have noted, of which nobody waits to be rid.
constexpr milliseconds forget_pause{100};
constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();
constexpr std::size_t probe = 1;

// Never less than a millisecond: a wait of zero would spin while something is a fraction of one
// away.
milliseconds until(tick_point now, tick_point then) {
    return std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(then - now));
}

} // namespace

relay_machine::relay_machine(const relay_timing& timing, random_source& random) noexcept
    : timing_(timing)
    , random_(&random)
    , poll_interval_(timing.poll_shortest) {}

relay_action_type relay_machine::resume(tick_point now, const relay_event_type& event) {
    std::visit([&](const auto& e) { on(now, e); }, event);
    if (held_ && now >= held_->until)
        forget_lease(now);
    return stop_by_ ? decide_stopping(now) : decide(now);
}

void relay_machine::on(tick_point, const relay_event::woken&) {}

void relay_machine::on(tick_point now, const relay_event::doorbell&) {
    poll_at_ = now;
    poll_interval_ = timing_.poll_shortest;
    // What was committed may be scheduled, and due before anything that is known.
    due_at_ = std::min(due_at_, std::max(now, due_looked_at_ + timing_.due_shortest));
}

void relay_machine::on(tick_point now, const relay_event::lease_answered& e) {
    store_answered();
    if (!e.answer.granted) {
        // A holder that stops in good order frees the lease before it runs out, so it is worth
        // asking early.
        ask_lease_at_ =
            now + std::clamp(e.answer.held_for, timing_.poll_shortest, timing_.poll_longest);
        return;
    }
    held_ = held_lease{
        .epoch = e.answer.granted->epoch,
        .until = e.asked_at + timing_.lease,
        .renew_at = e.asked_at + timing_.lease_renewal,
    };
    read_from_ = e.answer.granted->from;
    more_ = false;
    poll_at_ = now;
    poll_interval_ = timing_.poll_shortest;
    record_at_ = now;
    removable_ = true;
    remove_at_ = now + timing_.removal_interval;
    forget_at_ = now + forget_pause;
    due_at_ = now + timing_.due_shortest;
    due_looked_at_ = now;
}

void relay_machine::on(tick_point now, const relay_event::lease_renewed& e) {
    store_answered();
    if (!held_)
        return;
    switch (e.result) {
    case write_result::done:
        held_->until = e.asked_at + timing_.lease;
        held_->renew_at = e.asked_at + timing_.lease_renewal;
        break;
    case write_result::busy:
        // Still ours, and whoever writes there keeps others from taking it, too.
        held_->until = std::max(held_->until, e.asked_at + timing_.lease_renewal);
        held_->renew_at = now + busy_pause;
        break;
    case write_result::lease_lost:
        forget_lease(now);
        break;
    }
}

void relay_machine::on(tick_point now, const relay_event::slice_read& e) {
    store_answered();
    if (!held_)
        return;
    more_ = e.more;
    read_from_ = e.after;
    if (e.count == 0) {
        poll_at_ = now + poll_interval_;
        poll_interval_ = std::min(poll_interval_ * 2, timing_.poll_longest);
        if (e.record && next_)
            next_->after = e.after;
        else if (e.record && current_)
            current_->after = e.after;
        else if (e.record)
            unrecorded_ = e.after;
        return;
    }
    poll_interval_ = timing_.poll_shortest;
    (current_ ? next_ : current_) = held_slice{.undelivered = e.count, .after = e.after};
    if (OUTBOX_BROKEN("relay.record_before_delivery")) {
        unrecorded_ = e.after;
        record_at_ = now;
    }
}

void relay_machine::on(tick_point now, const relay_event::wave_news& e) {
    wave_out_ = e.outstanding;
    if (wave_out_ > 0)
        return;
    cancelled_ = false;
    if (!current_)
        return;
    delivered_count_ += e.delivered;
    current_->undelivered -= std::min(current_->undelivered, e.delivered);
    if (e.unavailable + e.rejected > 0) {
        breaker_ = breaker_state::open;
        deliver_at_ = now + backoff(timing_.target_backoff, ++target_failures_, *random_);
    } else {
        breaker_ = breaker_state::closed;
        target_failures_ = 0;
    }
    if (!held_) {
        current_.reset();
        next_.reset();
    } else if (current_->undelivered == 0) {
        slice_delivered(now);
    }
}

void relay_machine::slice_delivered(tick_point now) {
    unrecorded_ = current_->after;
    current_ = std::exchange(next_, std::nullopt);
    removable_ = true;
    // Whatever came while the wave was out makes the next one.
    if (!current_)
        poll_at_ = now;
}

void relay_machine::on(tick_point now, const relay_event::progress_recorded& e) {
    store_answered();
    recorded_count_ = delivered_count_;
    switch (e.result) {
    case write_result::done:
        unrecorded_.reset();
        record_at_ = now + timing_.progress_interval;
        break;
    case write_result::busy:
        record_at_ = now + busy_pause;
        break;
    case write_result::lease_lost:
        forget_lease(now);
        break;
    }
}

void relay_machine::on(tick_point now, const relay_event::removed& e) {
    store_answered();
    removable_ = e.more || unrecorded_.has_value();
    remove_at_ = now + (e.more ? removal_pause : timing_.removal_interval);
}

void relay_machine::on(tick_point now, const relay_event::forgotten& e) {
    store_answered();
    forget_at_ = now + (e.more ? forget_pause : timing_.forget_interval);
}

void relay_machine::on(tick_point now, const relay_event::due_released& e) {
    store_answered();
    due_looked_at_ = now;
    due_at_ = now + std::min(e.answer.next_due.value_or(timing_.due_longest), timing_.due_longest);
    if (e.answer.released > 0) {
        poll_at_ = now;
        poll_interval_ = timing_.poll_shortest;
    } else {
        // Due, and yet not to be had: somebody cancels it at this moment.
        due_at_ = std::max(due_at_, now + timing_.due_shortest);
    }
    if (e.answer.result == write_result::busy)
        due_at_ = now + busy_pause;
    if (e.answer.result == write_result::lease_lost && held_)
        forget_lease(now);
}

void relay_machine::on(tick_point, const relay_event::released&) {
    released_ = true;
}

void relay_machine::on(tick_point now, const relay_event::store_failed& e) {
    store_at_ = now + backoff(timing_.store_backoff, ++store_failures_, *random_);
    released_ = stop_by_.has_value(
    ); // a stop does not wait for a database that is away: the lease runs out by itself
    if (e.begin_again && held_)
        forget_lease(now);
}

void relay_machine::request_stop(tick_point now) {
    if (stop_by_)
        return;
    stop_by_ = now + timing_.stop_patience;
    record_at_ = std::min(record_at_, now);
}

void relay_machine::forget_lease(tick_point now) {
    held_.reset();
    unrecorded_.reset();
    ask_lease_at_ = now;
    if (wave_out_ == 0) {
        current_.reset();
        next_.reset();
    }
}

// With a wave out and no right or no patience to wait for it: give it up, then collect what the
// target still says.
relay_action_type relay_machine::cancel_or_await(tick_point now, tick_point then) {
    if (!cancelled_) {
        cancelled_ = true;
        return relay_action::cancel_wave{};
    }
    return relay_action::await_target{until(now, then)};
}

relay_action_type relay_machine::decide(tick_point now) {
    const bool store_ready = now >= store_at_;
    if (!held_) {
        if (wave_out_ > 0)
            return cancel_or_await(now, now + timing_.poll_longest);
        if (store_ready && now >= ask_lease_at_)
            return relay_action::acquire{};
        return relay_action::wait{until(now, std::max(store_at_, ask_lease_at_))};
    }

    if (store_ready && now >= held_->renew_at)
        return relay_action::renew{held_->epoch};

    if (OUTBOX_BROKEN("relay.record_before_delivery") && unrecorded_ && now >= record_at_)
        return relay_action::record{held_->epoch, *unrecorded_};
    if (current_ && wave_out_ == 0 && now >= deliver_at_) {
        if (breaker_ == breaker_state::open)
            breaker_ = breaker_state::half_open;
        const std::size_t count_max = breaker_ == breaker_state::closed ? everything : probe;
        wave_out_ = std::min(current_->undelivered, count_max);
        return relay_action::deliver{count_max};
    }

    const bool idle = !current_ && !more_;
    const bool forgets = timing_.forget_interval > milliseconds{0};
    if (store_ready) {
        const bool much = delivered_count_ - recorded_count_ >= timing_.progress_messages;
        if (unrecorded_ && (much || now >= record_at_))
            return relay_action::record{held_->epoch, *unrecorded_};
        if (more_ ? !next_ : idle && now >= poll_at_)
            return relay_action::read{read_from_};
        if (now >= due_at_)
            return relay_action::release_due{held_->epoch, timing_.due_messages};
        if (removable_ && now >= remove_at_)
            return relay_action::remove{held_->epoch};
        if (forgets && now >= forget_at_)
            return relay_action::forget_applied{};
    }

    tick_point then = std::max(held_->renew_at, store_at_);
    if (unrecorded_)
        then = std::min(then, std::max(record_at_, store_at_));
    if (removable_)
        then = std::min(then, std::max(remove_at_, store_at_));
    if (forgets)
        then = std::min(then, std::max(forget_at_, store_at_));
    then = std::min(then, std::max(due_at_, store_at_));
    then = std::min(then, held_->until);
    if (wave_out_ > 0)
        return relay_action::await_target{until(now, then)};
    if (current_)
        then = std::min(then, deliver_at_);
    else
        then = std::min(then, std::max(poll_at_, store_at_));
    return relay_action::wait{until(now, then)};
}

relay_action_type relay_machine::decide_stopping(tick_point now) {
    if (wave_out_ > 0) {
        if (held_ && now < *stop_by_)
            return relay_action::await_target{until(now, std::min(*stop_by_, held_->until))};
        return cancel_or_await(now, now + timing_.poll_shortest);
    }
    if (!held_ || released_)
        return relay_action::stop{};
    // What could not be recorded in time is sent again, which beats not stopping.
    if (unrecorded_ && now < *stop_by_) {
        if (now < record_at_)
            return relay_action::wait{until(now, std::min(record_at_, *stop_by_))};
        return relay_action::record{held_->epoch, *unrecorded_};
    }
    return relay_action::release{held_->epoch};
}

} // namespace outbox
