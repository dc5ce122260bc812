#pragma once
// The decisions of one relay for one shard: when to take the lease, read, deliver, record, remove,
// wait, give up. It takes an event and returns what to do next; it knows no database, no broker, no
// thread and no clock. The loop around it (relay.hpp) does what it says and reports how that went,
// one action at a time.
//
// What it keeps true, whatever the events:
//   - it delivers only while it holds the lease by its own, pessimistic reckoning: counted from
//   *before* the question
//     was sent, so that the database's clock can only be kinder;
//   - one wave is out at a time, and the next begins when every message of it is delivered: the
//   order of the slices is
//     the order at the target, and the cursor never passes an undelivered message;
//   - an outage of the target costs time, never a message's attempt: after an `unavailable` the
//   breaker is open, and one
//     single message probes whether the target is back;
//   - progress that could not be recorded is recorded later; delivery does not wait for it;
//   - after `lease_lost` nothing more of that epoch is delivered or written.

#include "outbox/base/backoff.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "outbox/store/relay_store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

namespace outbox {

struct relay_timing {
    /// How long a lease lasts, and so how long a crashed relay's messages wait for the next one at
    /// most.
    std::chrono::milliseconds lease{10'000};
    std::chrono::milliseconds lease_renewal{3'000};
    /// Polling when no doorbell rings: as often as the first while messages come, slowing down to
    /// the second.
    std::chrono::milliseconds poll_shortest{5};
    std::chrono::milliseconds poll_longest{1'000};
    /// Progress is recorded when this many messages or this much time have passed since the last
    /// record.
    std::size_t progress_messages = 1'000;
    std::chrono::milliseconds progress_interval{50};
    std::chrono::milliseconds removal_interval{1'000};
    /// How often is looked for what consumers have noted too long ago; zero: never.
    std::chrono::milliseconds forget_interval{0};
    /// How often scheduled messages are looked for when none is known to become due earlier, and at
    /// most, when doorbells ring.
    std::chrono::milliseconds due_longest{1'000};
    std::chrono::milliseconds due_shortest{100};
    std::size_t due_messages = 1'000;
    /// How long a stop waits for the wave that is out; after that it is left to the next relay,
    /// which sends it again.
    std::chrono::milliseconds stop_patience{5'000};
    backoff_policy target_backoff{};
    backoff_policy store_backoff{};
};

// What happened.
namespace relay_event {
struct woken {};    // time passed, or the doorbell rang, or nothing at all
struct doorbell {}; // somebody has committed
struct lease_answered {
    tick_point asked_at{}; // before the question was sent
    lease_answer answer{};
};
struct lease_renewed {
    tick_point asked_at{};
    write_result result{};
};
struct slice_read {
    std::size_t count = 0;
    cursor after{};
    bool more = false;
    bool record = false; // `after` is worth recording even when count is 0
};
struct wave_news { // of the wave that is out, counted since it went out
    std::size_t outstanding = 0;
    std::size_t delivered = 0;
    std::size_t unavailable = 0;
    std::size_t rejected = 0;
};
struct progress_recorded {
    write_result result{};
};
struct removed {
    bool more = false;
};
struct forgotten {
    bool more = false;
};
struct due_released { // of the scheduled messages
    release_answer answer{};
};
struct released {};
struct store_failed { // an action on the store threw; the connection has been replaced
    /// What the lost session had read is of no use to the next: ask for the lease again, which
    /// begins where progress is recorded.
    bool begin_again = false;
};
} // namespace relay_event

using relay_event_type = std::variant<
    relay_event::woken,
    relay_event::doorbell,
    relay_event::lease_answered,
    relay_event::lease_renewed,
    relay_event::slice_read,
    relay_event::wave_news,
    relay_event::progress_recorded,
    relay_event::removed,
    relay_event::forgotten,
    relay_event::due_released,
    relay_event::released,
    relay_event::store_failed>;

// What to do now. Every action is answered by exactly one event.
namespace relay_action {
struct acquire {};
struct renew {
    std::int64_t epoch = 0;
};
struct read { // into the slot behind the slice that is being delivered
    cursor from{};
};
struct deliver { // what is undelivered of the current slice, at most `count_max`
    std::size_t count_max = 0;
};
struct await_target {
    std::chrono::milliseconds timeout{};
};
struct cancel_wave {}; // answered by wave_news with nothing outstanding
struct record {
    std::int64_t epoch = 0;
    cursor to{};
};
struct remove {
    std::int64_t epoch = 0;
};
struct forget_applied {}; // what consumers have noted, a bounded piece
struct release_due {      // scheduled messages, at most `count_max`
    std::int64_t epoch = 0;
    std::size_t count_max = 0;
};
struct release {
    std::int64_t epoch = 0;
};
struct wait { // until time passes or the doorbell rings
    std::chrono::milliseconds timeout{};
};
struct stop {}; // there is nothing more to do, ever
} // namespace relay_action

using relay_action_type = std::variant<
    relay_action::acquire,
    relay_action::renew,
    relay_action::read,
    relay_action::deliver,
    relay_action::await_target,
    relay_action::cancel_wave,
    relay_action::record,
    relay_action::remove,
    relay_action::forget_applied,
    relay_action::release_due,
    relay_action::release,
    relay_action::wait,
    relay_action::stop>;

enum class breaker_state { closed, open, half_open };

class relay_machine {
public:
    relay_machine(const relay_timing& timing, random_source& random) noexcept;

    relay_action_type resume(tick_point now, const relay_event_type& event);

    /// From now on the machine brings things to an end. Not an event: it answers no action.
    void request_stop(tick_point now);

    // For metrics and logs.
    bool holds_lease() const noexcept { return held_.has_value(); }
    breaker_state breaker() const noexcept { return breaker_; }

private:
    struct held_lease {
        std::int64_t epoch = 0;
        tick_point until{};
        tick_point renew_at{};
    };
    /// A slice in memory; `undelivered` counts down to zero.
    struct held_slice {
        std::size_t undelivered = 0;
        cursor after{};
    };

    void on(tick_point now, const relay_event::woken& e);
    void on(tick_point now, const relay_event::doorbell& e);
    void on(tick_point now, const relay_event::lease_answered& e);
    void on(tick_point now, const relay_event::lease_renewed& e);
    void on(tick_point now, const relay_event::slice_read& e);
    void on(tick_point now, const relay_event::wave_news& e);
    void on(tick_point now, const relay_event::progress_recorded& e);
    void on(tick_point now, const relay_event::removed& e);
    void on(tick_point now, const relay_event::forgotten& e);
    void on(tick_point now, const relay_event::due_released& e);
    void on(tick_point now, const relay_event::released& e);
    void on(tick_point now, const relay_event::store_failed& e);

    relay_action_type decide(tick_point now);
    relay_action_type decide_stopping(tick_point now);
    relay_action_type cancel_or_await(tick_point now, tick_point until);
    void store_answered() noexcept { store_failures_ = 0; }
    void slice_delivered(tick_point now);
    void forget_lease(tick_point now);

    const relay_timing timing_;
    random_source* random_;

    std::optional<held_lease> held_;
    tick_point ask_lease_at_{};

    std::optional<held_slice> current_;
    std::optional<held_slice> next_;
    cursor read_from_{};
    bool more_ = false; // more rows are known to be there
    tick_point poll_at_{};
    std::chrono::milliseconds poll_interval_;

    std::size_t wave_out_ = 0; // messages of the wave that have no answer yet
    breaker_state breaker_ = breaker_state::closed;
    int target_failures_ = 0;
    tick_point deliver_at_{};

    std::optional<cursor> unrecorded_;
    std::uint64_t recorded_count_ = 0; // delivered_count_ when progress was last recorded
    tick_point record_at_{};

    bool removable_ = false;
    tick_point remove_at_{};
    tick_point forget_at_{};

    tick_point due_at_{};
    tick_point due_looked_at_{};

    int store_failures_ = 0;
    tick_point store_at_{}; // the store is left alone until then

    std::optional<tick_point> stop_by_;
    bool cancelled_ = false;
    bool released_ = false;
    std::uint64_t delivered_count_ = 0;
};

} // namespace outbox
