#pragma once
// What a handler says about one message. It must say something: a handler that returns nothing does
// not compile, and an exception of any kind counts as retry(), never as ack().
//
//   ack                 done; the message will not be seen again, as far as at least once goes
//   retry               not now; again after the next delay of the group's retry policy
//   retry_after(30s)    not now; again after this time, rounded up as the policy says
//   defer(30s, why)     not now, and it has not failed: again after this time. It waits in memory,
//                       whatever the policy says, and holds up its key and the commit of its
//                       partition. Costs no attempt, however often it is said.
//   dead_letter(why)    never; into the group's dead-letter topic, with the reason
//   unavailable(why)    not the message's fault: something that it needs is away. The consumer
//   waits
//                       until it is back, see gate in consumer_options.hpp, and hands out the same
//                       message again. Costs no attempt, however long it takes.

#include "outbox/base/wait_limit.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace outbox {

enum class outcome_kind { ack, retry, retry_after, defer, dead_letter, unavailable };

/// "ack", "retry", "retry_after", "defer", "dead_letter", "unavailable".
const char* to_string(outcome_kind kind) noexcept;

class [[nodiscard]] outcome {
public:
    static outcome ack() { return outcome{outcome_kind::ack, {}, {}}; }
    /// `why` is for people: it travels with the message, cut to failure_reason_bytes_max.
    static outcome retry(std::string why = {}) {
        return outcome{outcome_kind::retry, {}, std::move(why)};
    }
    /// Less than nothing is nothing, more than a year is a year.
    static outcome retry_after(std::chrono::milliseconds delay, std::string why = {}) {
        return outcome{outcome_kind::retry_after, bounded_wait(delay), std::move(why)};
    }
    /// Less than nothing is nothing, more than a year is a year.
    static outcome defer(std::chrono::milliseconds delay, std::string why = {}) {
        return outcome{outcome_kind::defer, bounded_wait(delay), std::move(why)};
    }
    static outcome dead_letter(std::string why) {
        return outcome{outcome_kind::dead_letter, {}, std::move(why)};
    }
    static outcome unavailable(std::string why) {
        return outcome{outcome_kind::unavailable, {}, std::move(why)};
    }

    outcome_kind kind() const noexcept { return kind_; }
    /// Of retry_after and defer; else zero.
    std::chrono::milliseconds delay() const noexcept { return delay_; }
    /// Empty for ack.
    const std::string& reason() const noexcept { return reason_; }

    bool operator==(const outcome&) const = default;

private:
    outcome(outcome_kind kind, std::chrono::milliseconds delay, std::string reason)
        : kind_(kind)
        , delay_(delay)
        , reason_(std::move(reason)) {}

    outcome_kind kind_;
    std::chrono::milliseconds delay_;
    std::string reason_;
};

/// What of a reason travels with a message that failed; the rest is cut off.
inline constexpr std::size_t failure_reason_bytes_max = 1'000;

} // namespace outbox
