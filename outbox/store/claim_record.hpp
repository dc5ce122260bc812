#pragma once
// What may happen to one key of a claim_store, as a pure machine: the rules that each place follows
// in its own words (SQL, a script of Redis), and that tests hold them to.
//
//   absent ──claim──▶ in progress (token, lease) ──complete──▶ done
//     ▲                  │        │
//     └──── release ─────┘        └─ the lease is over: the next claim takes it, with a new token
//
// A lease that is over is as good as absent. Nothing is ever done before somebody who held it has
// said so, and of all who held it one is believed.

#include "outbox/base/clock.hpp"
#include "outbox/store/claim_store.hpp"

#include <chrono>
#include <optional>

namespace outbox {

class claim_record {
public:
    /// The steps of claim_store.
    claim_view claim(bytes_view token, std::chrono::milliseconds hold, time_point now);
    bool complete(bytes_view token, time_point now);
    bool extend(bytes_view token, std::chrono::milliseconds hold, time_point now);
    void release(bytes_view token);
    /// Done, or claimed and left, since before `then`.
    bool is_older_than(time_point then, time_point now) const noexcept;

    bool is_absent() const noexcept { return !held_; }

private:
    struct held {
        bytes token{};
        /// Nothing: done.
        std::optional<time_point> lease_until{};
        time_point changed_at{};
    };
    bool is_over(time_point now) const noexcept;
    bool is_of(bytes_view token) const noexcept { return held_ && held_->token == token; }

    std::optional<held> held_{};
};

} // namespace outbox
