#pragma once
// When a message may leave, if not at once.
//
//   out.send({.to = reminder, .body = {{"orderId", id}}, .deliver = outbox::deliver_after(30min)});
//
// The clock of the database decides, whatever the clocks of the machines say. A time that has
// passed means at once. Until it is due a message can be cancelled and replaced by its id. Its
// place among the other messages of its key is drawn when it becomes due, not when it is sent.

#include "outbox/base/clock.hpp"

#include <chrono>
#include <variant>

namespace outbox {

class delivery_time {
public:
    /// Counted from the moment at which the message is written into the database.
    static delivery_time after(std::chrono::microseconds delay) { return delivery_time{delay}; }
    static delivery_time at(time_point when) {
        return delivery_time{
            when_type{std::chrono::time_point_cast<std::chrono::microseconds>(when)}};
    }

    /// The delay, or null when it is a point in time.
    const std::chrono::microseconds* delay() const noexcept {
        return std::get_if<std::chrono::microseconds>(&value_);
    }
    /// Precondition: !delay(). Microseconds since 1970, UTC.
    std::chrono::microseconds since_epoch() const noexcept {
        return std::get<when_type>(value_).time_since_epoch();
    }

    bool operator==(const delivery_time&) const = default;

private:
    using when_type = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
    using value_type = std::variant<std::chrono::microseconds, when_type>;
    explicit delivery_time(value_type value) : value_(value) {}

    value_type value_;
};

inline delivery_time deliver_after(std::chrono::microseconds delay) {
    return delivery_time::after(delay);
}

inline delivery_time deliver_at(time_point when) {
    return delivery_time::at(when);
}

/// The 18 delay levels of RocketMQ, under its numbers: 1s 5s 10s 30s, 1m to 10m, 20m 30m, 1h 2h.
/// Throws outbox::error (invalid_argument) unless `level` is 1 to 18.
delivery_time delay_level(int level);

} // namespace outbox
