#pragma once
// For how long keys are kept. A key that is forgotten while its message can still come again means
// an effect applied twice, so the time is a type that cannot be made shorter than that.
//
//   const outbox::retention keep{16 * 24h, outbox::redelivery_horizon::of({
//       .broker_retention = 7 * 24h, .retry_delays = outbox::retry_policy::default_delays()})};
//
// (A day for an outage of the relay, seven in the topic, seven in a retry topic, the waits.)

#include <chrono>
#include <vector>

namespace outbox {

/// What a message may go through before it comes again.
struct redelivery_path {
    /// How long an outbox may hold a message that it has sent already: the longest time for which
    /// its database or its relay may be away.
    std::chrono::seconds relay_outage{std::chrono::hours{24}};
    /// retention.ms of the topic; also of the retry topics.
    std::chrono::seconds broker_retention{std::chrono::hours{7 * 24}};
    /// The waits between the attempts.
    std::vector<std::chrono::milliseconds> retry_delays{};
    /// How long a dead letter can be replayed; then it runs through all of it again. Zero: never.
    std::chrono::seconds dead_letter_retention{0};
};

/// The longest time between the first and the last delivery of one message.
class redelivery_horizon {
public:
    /// As you know it. Throws outbox::error (invalid_argument) unless positive.
    explicit redelivery_horizon(std::chrono::seconds longest);
    /// The sum of all that; above ten years it counts as ten years.
    static redelivery_horizon of(const redelivery_path& path);

    std::chrono::seconds longest() const noexcept { return longest_; }

private:
    std::chrono::seconds longest_;
};

class retention {
public:
    /// Throws outbox::error (invalid_argument) if `keep` is shorter than the horizon.
    retention(std::chrono::seconds keep, const redelivery_horizon& horizon);

    std::chrono::seconds keep() const noexcept { return keep_; }

private:
    std::chrono::seconds keep_;
};

} // namespace outbox
