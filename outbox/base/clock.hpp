#pragma once
// The seam through which time enters a decision. Machines take time as an argument; the loops
// around them own a clock. Leases are measured on the database's clock, never on this one.

#include <chrono>

namespace outbox {

/// Monotonic time: for waiting, deadlines, rates.
using tick_point = std::chrono::steady_clock::time_point;
/// Calendar time: for what people and records read. May jump.
using time_point = std::chrono::system_clock::time_point;

class clock {
public:
    virtual ~clock() = default;
    virtual tick_point ticks() const = 0;
    virtual time_point now() const = 0;
};

/// The operating system's clock. Lives for the whole program; any thread.
const clock& system_clock() noexcept;

/// A clock that stands still until it is told to move: for tests. One thread at a time.
class manual_clock final : public clock {
public:
    tick_point ticks() const override { return ticks_; }
    time_point now() const override { return now_; }

    /// Moves both times forward together.
    void advance(std::chrono::nanoseconds by) {
        ticks_ += std::chrono::duration_cast<tick_point::duration>(by);
        now_ += std::chrono::duration_cast<time_point::duration>(by);
    }

private:
    tick_point ticks_{std::chrono::hours{1}};
    time_point now_{std::chrono::seconds{1'800'000'000}};
};

} // namespace outbox
