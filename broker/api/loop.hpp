#pragma once
// How a handler leaves the loop and comes back, without knowing what drives the loop. All of the
// broker's state belongs to one thread, the loop's; the committer thread and the worker only hand
// jobs to it.

#include "outbox/base/clock.hpp"

#include <functional>

namespace outbox::broker {

class loop {
public:
    virtual ~loop() = default;

    /// Runs `job` on the loop's thread, after what was posted before. Any thread.
    virtual void post(std::function<void()> job) = 0;

    /// Runs `job` on the worker thread, which may block on the disk; in the order of the calls.
    /// Loop's thread only.
    virtual void offload(std::function<void()> job) = 0;

    /// Asks for core::expire_waits() at `when` or soon after. Earlier wishes are kept. Loop's
    /// thread only.
    virtual void wake_at(tick_point when) = 0;
};

} // namespace outbox::broker
