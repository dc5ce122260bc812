#include "outbox/relay/relay.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/base/log.hpp"
#include "outbox/relay/numbered_store.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace outbox {
namespace {

// A host's name or a process id comes back after a restart; these bytes do not.
std::string unique_owner(const std::string& name, random_source& random) {
    std::array<unsigned char, 6> unique{};
    random.fill(unique);
    return (name.empty() ? "relay" : name) + "-" +
           to_hex({reinterpret_cast<const char*>(unique.data()), unique.size()});
}

constexpr std::size_t forget_rows_max = 1'000;
constexpr std::chrono::minutes forget_interval{1};

relay_timing timing_of(const relay_options& options) {
    relay_timing timing = options.timing;
    if (options.forget_applied_after > std::chrono::seconds{0} &&
        timing.forget_interval == std::chrono::milliseconds{0})
        timing.forget_interval = forget_interval;
    if (options.forget_applied_after <= std::chrono::seconds{0})
        timing.forget_interval = std::chrono::milliseconds{0};
    return timing;
}

} // namespace

relay::relay(
    database& source,
    std::unique_ptr<target> destination,
    relay_options options,
    const clock& time,
    random_source& random
)
    : source_(&source)
    , target_(std::move(destination))
    , options_(std::move(options))
    , clock_(&time)
    , random_(&random)
    , machine_(timing_of(options_), random)
    , doorbell_(options_.doorbell) {
    options_.owner = unique_owner(options_.owner, random);
}

relay::~relay() = default;

void relay::request_stop() noexcept {
    stop_requested_ = true;
    doorbell_.wake();
    target_->wake();
}

relay_stats relay::stats() const noexcept {
    return {delivered_.load(), waves_.load(), holds_lease_.load(), target_down_.load()};
}

void relay::run() {
    relay_event_type event = relay_event::woken{};
    while (true) {
        if (stop_requested_)
            machine_.request_stop(clock_->ticks());
        const relay_action_type action = machine_.resume(clock_->ticks(), event);
        holds_lease_ = machine_.holds_lease();
        target_down_ = machine_.breaker() != breaker_state::closed;
        if (std::holds_alternative<relay_action::stop>(action))
            return;
        event = perform(action);
    }
}

// Failures of the store come out of any action as exceptions, and all mean the same: a new
// connection, later.
relay_event_type relay::perform(const relay_action_type& action) {
    try {
        return std::visit([this](const auto& a) { return act(a); }, action);
    } catch (const error& e) {
        say_once(store_trouble_, log_level::warning, source_->display_name() + ": " + e.what());
        store_.reset();
        return relay_event::store_failed{.begin_again = options_.numbers == numbering::on};
    }
}

relay_store& relay::store() {
    if (!store_) {
        std::unique_ptr<relay_store> opened = source_->open_relay_store();
        if (options_.numbers == numbering::on)
            opened = std::make_unique<numbered_store>(std::move(opened), *random_);
        store_ = std::move(opened);
    }
    return *store_;
}

relay_event_type relay::act(const relay_action::acquire&) {
    current_ = {}; // of a lease that is gone
    next_ = {};
    const tick_point asked_at = clock_->ticks();
    lease_answer answer =
        store().acquire(options_.shard, options_.owner, options_.timing.lease, doorbell_.address());
    const std::string shard = source_->display_name() + " shard " + std::to_string(options_.shard);
    if (answer.granted)
        say_once(
            store_trouble_,
            log_level::info,
            shard + ": lease taken, epoch " + std::to_string(answer.granted->epoch) + ", by " +
                options_.owner
        );
    else
        say_once(
            store_trouble_,
            log_level::info,
            shard + ": standing by, the lease is held by " + answer.holder
        );
    return relay_event::lease_answered{asked_at, std::move(answer)};
}

relay_event_type relay::act(const relay_action::renew& a) {
    const tick_point asked_at = clock_->ticks();
    return relay_event::lease_renewed{
        asked_at,
        store().renew(options_.shard, a.epoch, options_.timing.lease)};
}

relay_event_type relay::act(const relay_action::read& a) {
    slice found = store().read(options_.shard, a.from, options_.slice);
    relay_event::slice_read event{
        found.messages.size(),
        std::move(found.after),
        found.more,
        found.record};
    if (event.count > 0) {
        if (OUTBOX_BROKEN("relay.reverse_slices"))
            std::reverse(found.messages.begin(), found.messages.end());
        slot& into = current_.undelivered > 0 ? next_ : current_;
        into.delivered.assign(event.count, false);
        into.undelivered = event.count;
        into.messages = std::move(found.messages);
        // Here, so that no target ever sees it, whether or not anybody is told.
        into.watched.clear();
        for (std::size_t i = 0; i < event.count; ++i) {
            if (auto to = take_receipt_request(into.messages[i].content.headers))
                into.watched.push_back({.index = i, .to = std::move(*to), .attempts = 0});
        }
        OUTBOX_FAULT("relay.read");
    }
    return event;
}

relay_event_type relay::act(const relay_action::deliver& a) {
    wave_.clear();
    wave_index_.clear();
    for (std::size_t i = 0; i < current_.messages.size() && wave_.size() < a.count_max; ++i) {
        if (current_.delivered[i])
            continue;
        wave_.push_back(&current_.messages[i]);
        wave_index_.push_back(i);
    }
    news_ = {.outstanding = wave_.size(), .delivered = 0, .unavailable = 0, .rejected = 0};
    for (watched_message& w : current_.watched) {
        if (!current_.delivered[w.index] && w.index <= wave_index_.back())
            ++w.attempts;
    }
    ++waves_;
    target_->deliver(wave_);
    OUTBOX_FAULT("relay.sent");
    return collect(std::chrono::milliseconds{0});
}

relay_event_type relay::act(const relay_action::await_target& a) {
    return collect(a.timeout);
}

relay_event_type relay::act(const relay_action::cancel_wave&) {
    target_->cancel();
    return collect(std::chrono::milliseconds{0});
}

relay_event_type relay::collect(std::chrono::milliseconds timeout) {
    outcomes_.clear();
    target_->await(timeout, outcomes_);
    for (const delivery_outcome& outcome : outcomes_) {
        const std::size_t index = wave_index_[outcome.index];
        --news_.outstanding;
        note_outcome(index, outcome);
        switch (outcome.fate) {
        case fate::delivered:
            ++news_.delivered;
            current_.delivered[index] = true;
            --current_.undelivered;
            break;
        case fate::unavailable:
            ++news_.unavailable;
            say_once(
                target_trouble_,
                log_level::warning,
                "the target does not take messages: " + outcome.reason
            );
            break;
        case fate::rejected:
            ++news_.rejected;
            say_once(
                target_trouble_,
                log_level::error,
                "message " + current_.messages[index].content.id.text() + " to " +
                    current_.messages[index].content.subject +
                    " was refused and holds up this shard: " + outcome.reason
            );
            break;
        }
    }
    delivered_ += static_cast<std::uint64_t>(std::count_if(
        outcomes_.begin(),
        outcomes_.end(),
        [](const auto& o) { return o.fate == fate::delivered; }
    ));
    if (!observed_.empty()) { // before the slot that they point into is replaced
        options_.observer->observe(observed_);
        observed_.clear();
    }
    if (news_.outstanding == 0) {
        if (news_.unavailable + news_.rejected == 0 && !target_trouble_.empty())
            say_once(target_trouble_, log_level::info, "the target takes messages");
        if (current_.undelivered == 0) {
            current_ = std::exchange(next_, {});
            OUTBOX_FAULT("relay.delivered");
        }
    }
    return news_;
}

void relay::note_outcome(std::size_t index, const delivery_outcome& outcome) {
    if (options_.observer == nullptr || current_.watched.empty() ||
        outcome.fate == fate::unavailable)
        return;
    const auto found = std::lower_bound(
        current_.watched.begin(),
        current_.watched.end(),
        index,
        [](const watched_message& w, std::size_t i) { return w.index < i; }
    );
    if (found == current_.watched.end() || found->index != index)
        return;
    observed_.push_back({
        .to = &found->to,
        .note =
            {.id = current_.messages[index].content.id,
             .fate = outcome.fate == fate::delivered ? send_fate::delivered : send_fate::rejected,
             .attempts = found->attempts,
             .position = outcome.position,
             .reason = outcome.reason},
    });
}

relay_event_type relay::act(const relay_action::record& a) {
    const write_result result = store().advance(options_.shard, a.epoch, a.to);
    OUTBOX_FAULT("relay.recorded");
    return relay_event::progress_recorded{result};
}

relay_event_type relay::act(const relay_action::remove& a) {
    const bool more = store().remove_delivered(options_.shard, a.epoch);
    OUTBOX_FAULT("relay.removed");
    return relay_event::removed{more};
}

// It is not what a relay is for: that it cannot, for want of a right or of the tables of a newer
// version, must not hold up a message.
relay_event_type relay::act(const relay_action::forget_applied&) {
    try {
        const bool more = store().forget_applied(options_.forget_applied_after, forget_rows_max);
        forget_trouble_.clear();
        return relay_event::forgotten{more};
    } catch (const error& e) {
        if (e.kind() == error_kind::unreachable)
            throw;
        if (e.kind() != error_kind::conflict)
            say_once(
                forget_trouble_,
                log_level::warning,
                source_->display_name() + ": what consumers have noted is not removed: " + e.what()
            );
        return relay_event::forgotten{.more = false};
    }
}

// One that cannot be moved holds up the scheduled ones behind it, and nothing else.
relay_event_type relay::act(const relay_action::release_due& a) {
    try {
        release_answer answer = store().release_due(options_.shard, a.epoch, a.count_max);
        OUTBOX_FAULT("relay.released");
        due_trouble_.clear();
        return relay_event::due_released{answer};
    } catch (const error& e) {
        if (e.kind() == error_kind::unreachable)
            throw;
        say_once(
            due_trouble_,
            log_level::warning,
            source_->display_name() + ": scheduled messages wait: " + e.what()
        );
        return relay_event::due_released{};
    }
}

relay_event_type relay::act(const relay_action::release& a) {
    store().release(options_.shard, a.epoch);
    log(log_level::info,
        "relay",
        source_->display_name() + ": lease given back by " + options_.owner);
    return relay_event::released{};
}

relay_event_type relay::act(const relay_action::wait& a) {
    if (doorbell_.await(a.timeout))
        return relay_event::doorbell{};
    return relay_event::woken{};
}

relay_event_type relay::act(const relay_action::stop&) {
    return relay_event::woken{};
}

// The same trouble again is not news.
void relay::say_once(std::string& last, log_level level, const std::string& text) {
    if (last == text)
        return;
    last = text;
    log(level, "relay", text);
}

} // namespace outbox
