#pragma once
// A handler that asks a checker first: what a consumer is given instead of the handler itself.
//
//   consumer.run(outbox::idempotent(checker, [](const outbox::delivery& d) {
//       send_mail(d);
//       return outbox::outcome::ack();
//   }));
//
// | the checker says | what happens |
// | --- | --- |
// | fresh | the handler runs; its ack, and nothing else, marks the message as done |
// | in progress | `defer` until the other's lease is over; the handler does not run |
// | done | ack; the handler does not run |
// | nothing, it is away | `unavailable`: the message waits, neither handled nor acknowledged |
//
// Everything but ack gives the message back: another outcome, and an exception of any type, which
// passes through. When the work is done and the mark cannot be made, because the checker went away
// or the lease was over, the message is acknowledged and counted: handling it again would only
// repeat the effect.
//
// A handler whose work may outlast `hold` takes the lease as its second argument and says
// lease.extend(…) from time to time.

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/handler.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/outcome.hpp"

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

namespace outbox {

/// What became of messages; counts up, any thread.
struct idempotency_counts {
    /// Messages that the handler was given.
    std::atomic<std::uint64_t> handled{0};
    /// Not given to it, because they were done.
    std::atomic<std::uint64_t> duplicates{0};
    /// Put off, because somebody was at work on them.
    std::atomic<std::uint64_t> in_progress{0};
    /// Put off, because the checker was away.
    std::atomic<std::uint64_t> unavailable{0};
    /// Done after their lease was over and somebody else had begun: the effect may have happened
    /// twice.
    std::atomic<std::uint64_t> overtaken{0};
    /// Done and not marked, because the checker was away: if it comes again, it is handled again.
    std::atomic<std::uint64_t> unmarked{0};
};

struct idempotent_options {
    /// Longer than the handler can take. Shorter than the wait of an idle consumer is no use: this
    /// is how long a message of a process that died is put off.
    std::chrono::milliseconds hold{30'000};
    /// By what a message is recognised. Throws to send it to the dead letters.
    std::function<message_key(const delivery&)> key_of = [](const delivery& d) {
        return message_key{d.id};
    };
    /// A message in progress comes again no sooner and no later than this.
    std::chrono::milliseconds retry_least{100};
    std::chrono::milliseconds retry_longest{60'000};
    /// Must outlive the handler; null: not counted.
    idempotency_counts* counts = nullptr;
};

namespace detail {

outcome handle_once(
    idempotency_checker& checker,
    const idempotent_options& options,
    const delivery& message,
    const std::function<outcome(const delivery&, claim_lease&)>& work
);

} // namespace detail

/// A handler, or one that also takes the lease.
template <class Handler>
concept leased_handler = handler<Handler> ||
    (std::invocable<Handler&, const delivery&, claim_lease&>&&
         std::same_as<std::invoke_result_t<Handler&, const delivery&, claim_lease&>, outcome>);

/// The checker must outlive what this returns, which may be called by as many threads as `work`
/// may.
template <leased_handler Handler>
auto idempotent(idempotency_checker& checker, Handler work, idempotent_options options = {}) {
    return [&checker, work = std::move(work), options = std::move(options)](const delivery& message
           ) mutable -> outcome {
        return detail::handle_once(
            checker,
            options,
            message,
            [&](const delivery& d, [[maybe_unused]] claim_lease& held) -> outcome {
                if constexpr (handler<Handler>)
                    return work(d);
                else
                    return work(d, held);
            }
        );
    };
}

} // namespace outbox
