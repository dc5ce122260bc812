#pragma once
// Reads messages as a member of a group and gives them to your handler, each at least once. It
// comes from a folder that knows the broker, such as kafka_consumer:
//
//   outbox::kafka_consumer consumer{
//       {.brokers = "127.0.0.1:9092"}, {.group = billing, .subjects = {order_paid}}};
//   consumer.run([](const outbox::delivery& d) {
//       charge(d.body().integer("orderId"));
//       return outbox::outcome::ack();
//   });
//
// A message may come again: after a crash, or when another member takes over. Whoever must not
// apply it twice asks an idempotency checker.
//
// All decisions are in consumer_machine.hpp; this is the loop and the threads around it.

#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "outbox/consumer/consumer_machine.hpp"
#include "outbox/consumer/consumer_options.hpp"
#include "outbox/consumer/handler.hpp"
#include "outbox/consumer/record_source.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace outbox {

/// How far one partition is. Offsets are of the next record; -1: not known.
struct partition_progress {
    consumed_partition of{};
    std::int64_t committed = -1;
    /// Behind the last record in the log, as of the last fetch.
    std::int64_t end = -1;
    /// Records from the committed one to the end; also those that are not wanted.
    std::int64_t lag() const noexcept {
        return committed < 0 || end < 0 ? -1 : std::max<std::int64_t>(0, end - committed);
    }
};

/// A moment's view, for metrics.
struct consumer_stats {
    consumer_counts counts{};
    std::size_t prefetched = 0;
    std::size_t in_hand = 0;
    /// What the handler needs is away.
    bool waits_at_gate = false;
};

class consumer;

/// A message that pull() returned. Any thread may hold it; it must not outlive its consumer.
class pulled_delivery {
public:
    pulled_delivery(pulled_delivery&& other) noexcept;
    pulled_delivery& operator=(pulled_delivery&&) = delete;
    /// Unsettled: it is retried, as if its handler had thrown.
    ~pulled_delivery();

    /// Until settle(), which ends what they refer to: keep a copy of what you need afterwards.
    /// Throw usage_error then.
    const delivery& operator*() const { return *message(); }
    const delivery* operator->() const { return message(); }

    /// What became of it. Throws usage_error the second time.
    void settle(outcome said);

private:
    friend class consumer;
    struct place;
    explicit pulled_delivery(std::unique_ptr<place> where);
    const delivery* message() const;

    std::unique_ptr<place> where_; // null: settled
};

class consumer {
public:
    /// Connects to nothing yet. Throws outbox::error (invalid_argument) when the options contradict
    /// each other.
    consumer(
        std::unique_ptr<record_source> from,
        consumer_options options,
        const clock& time = system_clock(),
        random_source& random = system_random()
    );
    /// Stops, and waits for handlers that are running.
    ~consumer();
    consumer(consumer&&) noexcept;
    consumer(const consumer&) = delete;

    /// Works until request_stop(), then returns: what is in hand has stop_patience to finish, then
    /// the group is left, and handlers that still run are waited for, because they are yours; what
    /// they say does not count any more. A broker that is not there yet is waited for, see
    /// options.start_patience. Calls `handle` on options.handlers threads at the same
    /// time. Throws outbox::error when it can never work (see record_source::open), not for a
    /// broker that is away: that is said in the log and waited for. Once.
    template <handler Handler>
    void run(Handler&& handle) {
        run_calls(1, [&handle](std::span<const delivery* const> all, std::vector<outcome>& said) {
            said.push_back(handle(*all.front()));
        });
    }

    /// The same with several messages in one call, at most `count_max`, and one outcome for each,
    /// in their order. Takes what is there; waits for no batch to fill. Ordered by key, a batch
    /// holds at most one message of a key. An exception, or another number of outcomes, retries
    /// all.
    template <batch_handler Handler>
    void run_batches(std::size_t count_max, Handler&& handle) {
        run_calls(
            count_max,
            [&handle](std::span<const delivery* const> all, std::vector<outcome>& said) {
                said = handle(all);
            }
        );
    }

    // These never compile, and say what to do.
    template <class Handler>
    requires(!handler<Handler>) void run(Handler&&) {
        static_assert(
            handler<Handler>,
            "a handler takes a const outbox::delivery& and returns an outbox::outcome, on every "
            "path: outcome::ack() when the message is done, outcome::retry() or "
            "outcome::dead_letter(why) when it is not. For several messages in one call: "
            "run_batches()"
        );
    }
    template <class Handler>
    requires(!batch_handler<Handler>) void run_batches(std::size_t, Handler&&) {
        static_assert(
            batch_handler<Handler>,
            "a handler of batches takes a std::span<const outbox::delivery* const> and returns a "
            "std::vector<outbox::outcome>, one for each message, in their order"
        );
    }

    /// Instead of run(): the next messages, at most `count_max`, as soon as there is one; none when
    /// `wait` is over, while it is paused, and after a stop, except what at_most_once has committed
    /// already. What was read and not pulled is nobody's: it goes with its partition, and a stop
    /// does not wait for it. Membership is kept by a thread of ours, from the first call to the end
    /// of the consumer. Any thread, several at a time; what options.handlers says does not matter.
    /// Throws what run() throws.
    std::vector<pulled_delivery> pull(std::size_t count_max, std::chrono::milliseconds wait);

    /// Any thread, also a signal handler; also before run().
    void request_stop() noexcept;
    /// From now on nothing is handed out, until resume(). Membership is kept. Any thread.
    void pause() noexcept;
    void resume() noexcept;

    /// Any thread.
    consumer_stats stats() const;
    /// Of the partitions that this member has. Any thread.
    std::vector<partition_progress> progress() const;

private:
    friend class pulled_delivery;
    using call = handler_function;

    void run_calls(std::size_t batch_count_max, call handle);

    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace outbox
