#pragma once
// The seam between a relay and the place where messages go. A target takes a wave of messages and
// answers for each of them, exactly once. It keeps order: of two messages with the same key the
// first is never accepted after the second. One object belongs to one relay and its thread.

#include "outbox/message/delivery_report.hpp"
#include "outbox/message/envelope.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace outbox {

enum class fate {
    /// The target has it and, as far as it promises anything, will not lose it.
    delivered,
    /// Nobody knows or nothing was sent: the target is away. Not the message's fault; send it again
    /// later.
    unavailable,
    /// The target refused this very message; sending it again as it is will not help.
    rejected,
};

struct delivery_outcome {
    /// Position in the wave.
    std::size_t index = 0;
    outbox::fate fate = fate::unavailable;
    /// Why not; empty when delivered.
    std::string reason{};
    /// Where it stands now, for targets that say so.
    target_position position{};
};

/// What a target can do, asked once; differences between engines are answered here and nowhere
/// else.
struct target_capabilities {
    /// Key, headers and payload together; 0 when it sets no limit of its own.
    std::size_t message_bytes_max = 0;
    std::size_t subject_bytes_max = outbox::subject_bytes_max;
    std::size_t tag_count_max = outbox::tag_count_max;
};

class target {
public:
    virtual ~target() = default;

    virtual target_capabilities capabilities() const = 0;

    /// Begins to deliver `wave` and returns without waiting for the target. Precondition: the wave
    /// before has been answered for completely. The messages stay where they are until this wave
    /// has been, too.
    virtual void deliver(std::span<const stored_message* const> wave) = 0;

    /// Waits at most `timeout` for news and appends outcomes; may return early without any.
    virtual void
    await(std::chrono::milliseconds timeout, std::vector<delivery_outcome>& outcomes) = 0;

    /// Gives up the wave: what is unanswered will be reported `unavailable` by await(), soon and
    /// without the network.
    virtual void cancel() = 0;

    /// Lets await() return now; the one call that any thread may make.
    virtual void wake() noexcept = 0;
};

} // namespace outbox
