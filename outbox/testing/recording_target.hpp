#pragma once
// A target in memory: it keeps what it is given and answers as the test tells it to.
//
//   outbox::testing::recording delivered;
//   outbox::testing::recording_target target{delivered};
//   delivered.be_away(true);                              // nothing is taken, as when a broker is
//   down outbox::testing::drain(*database, target);            // see drain.hpp
//
// It is a target like any other, so a relay or a producer takes it, too.

#include "outbox/target/target.hpp"
#include "outbox/testing/sent_message.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace outbox::testing {

/// What arrived, and how to answer. Must outlive its targets. Any thread.
class recording {
public:
    using arrival = sent_message;

    /// In the order in which they were delivered, repetitions included.
    std::vector<arrival> arrivals() const;
    /// Waits for a relay on another thread; false when `count` did not arrive within `patience`.
    bool
    await_count(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds{20});

    /// While true, nothing is taken: every message is `unavailable`.
    void be_away(bool away);
    /// Messages to this subject are rejected from now on.
    void refuse(const subject& to);
    /// The next `count` messages are taken, and their senders never learn of it: they are sent
    /// again.
    void lose_acks(std::size_t count);

    /// Decides about each message that none of the above concerns; the default delivers. Set it
    /// before a relay runs.
    std::function<fate(const stored_message&)> decide;

private:
    friend class recording_target;
    delivery_outcome answer(std::size_t index, const stored_message& m);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<arrival> arrivals_;
    bool away_ = false;
    std::vector<std::string> refused_;
    std::size_t acks_to_lose_ = 0;
};

class recording_target final : public target {
public:
    explicit recording_target(recording& into) noexcept : into_(&into) {}

    target_capabilities capabilities() const override;
    void deliver(std::span<const stored_message* const> wave) override;
    void await(std::chrono::milliseconds, std::vector<delivery_outcome>& outcomes) override;
    void cancel() override {}
    void wake() noexcept override {}

private:
    recording* into_;
    std::vector<delivery_outcome> ready_;
};

} // namespace outbox::testing
