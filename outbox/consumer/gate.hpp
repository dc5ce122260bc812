#pragma once
// Whether messages are handed out. Closed by an `unavailable`: something that the handler needs is
// away. After a while one single message is let through to see whether it is back.

#include "outbox/base/backoff.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"

namespace outbox {

class gate {
public:
    enum class start { open, closed };
    gate(const backoff_policy& waits, random_source& random, start as) noexcept
        : waits_(waits)
        , random_(&random)
        , state_(as == start::open ? state::open : state::closed) {}

    /// Whether a message may pass now, and then whether it is the one that probes.
    bool lets_pass(tick_point now) const noexcept {
        return state_ == state::open || (state_ == state::closed && now >= probe_at_);
    }
    bool would_probe() const noexcept { return state_ == state::closed; }
    /// The one that probes has passed.
    void probe_passed() noexcept { state_ = state::probing; }

    /// It has not: the next one is.
    void probe_withdrawn() noexcept {
        if (state_ == state::probing)
            state_ = state::closed;
    }

    /// What a message said that had passed. Only the probe's word opens.
    void heard_unavailable(tick_point now, bool from_probe) {
        if (state_ == state::probing && !from_probe)
            return;
        if (state_ == state::closed)
            return; // another one of those that were out when it closed
        state_ = state::closed;
        probe_at_ = now + backoff(waits_, ++failures_, *random_);
    }
    void heard_available(bool from_probe) noexcept {
        if (state_ == state::open || from_probe) {
            state_ = state::open;
            failures_ = 0;
        }
    }
    bool is_open() const noexcept { return state_ == state::open; }
    /// When the next one may pass; only while it is closed.
    tick_point probe_at() const noexcept {
        return state_ == state::closed ? probe_at_ : tick_point::max();
    }

private:
    enum class state { open, closed, probing };

    const backoff_policy waits_;
    random_source* random_;
    state state_;
    tick_point probe_at_{};
    int failures_ = 0;
};

} // namespace outbox
