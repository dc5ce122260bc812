#pragma once
// Applying each message once, as far as it can be had, where the effect is not a change in a
// database of your own: a mail, a call of another service, a file.
//
//   outbox::idempotency_checker checker{billing, [db] { return db->open_claim_store(); }};
//
//   outbox::claim_lease lease{checker, d.id, 30s};
//   if (lease.state() == outbox::claim_state::in_progress)
//       return outcome::defer(lease.remaining());          // costs no attempt: it has not failed
//   if (lease.is_fresh()) {
//       send_mail(d);
//       lease.complete();                                  // only now is it done
//   }
//   return outcome::ack();
//
// Or all of that in one: idempotent.hpp. A message is never marked before its work is done: whoever
// dies in the middle leaves a claim that ends with its lease, and the next delivery does the work.
//
// What is promised: no effect is lost. An effect may happen twice: when its holder dies between the
// effect and complete(), when the work takes longer than its lease, and when the place forgets (a
// database or a Redis that fails over to a replica which lags, FLUSHALL). Nobody can do better
// without the effect's own help; where you can, give the service you call the message id. If the
// effect is in a database, use first_time().
//
// Leases are measured on the clock of the place that keeps them.

#include "outbox/base/random.hpp"
#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/idempotency/message_key.hpp"
#include "outbox/consumer/idempotency/retention.hpp"
#include "outbox/store/claim_store.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

namespace outbox {

enum class claim_state {
    fresh,       // it is ours until the lease is over
    in_progress, // somebody else's, for `remaining` at most
    done,        // by somebody, at some time
};

/// "fresh", "in_progress", "done".
const char* to_string(claim_state state) noexcept;

struct claim {
    claim_state state = claim_state::done;
    /// Of a fresh one: what complete(), extend() and release() want.
    bytes token{};
    /// Until the lease is over: ours, or that of who is at work.
    std::chrono::milliseconds remaining{};
};

/// A lease lasts from one millisecond to this.
inline constexpr std::chrono::milliseconds claim_hold_max = std::chrono::hours{24};

/// Any thread; calls wait for each other, because there is one connection. For more, make more.
class idempotency_checker {
public:
    using open_store = std::function<std::unique_ptr<claim_store>()>;

    /// `open` makes a connection each time it is called: at the first use, and after one was lost.
    /// `random` makes the tokens and must outlive this.
    idempotency_checker(group_name group, open_store open, random_source& random = system_random());

    // All of these throw outbox::error: unreachable when the place is away, schema_mismatch when it
    // lacks the tables. When an answer is lost, the step is taken once more on a new connection;
    // its token tells whether it had been taken.

    /// Choose `hold` longer than the work can take. Throws invalid_argument unless it is between
    /// 1 ms and claim_hold_max.
    [[nodiscard]] outbox::claim claim(const message_key& key, std::chrono::milliseconds hold);
    /// The work is done. False: another has taken it over, because the lease was over; what you did
    /// may happen, or have happened, twice. True again when said again.
    [[nodiscard]] bool complete(const message_key& key, const bytes& token);
    /// From now on for `hold`. False: the lease is over. Stop if you can.
    [[nodiscard]] bool
    extend(const message_key& key, const bytes& token, std::chrono::milliseconds hold);
    /// The work is not done and somebody else may have it at once. Says nothing when it is
    /// another's by now.
    void release(const message_key& key, const bytes& token);

    /// Removes what was done, or claimed and left, longer ago than `keep`, at most `rows_max`, of
    /// all groups. Returns how many; call it again while it returns `rows_max`. Redis forgets by
    /// itself: there it is always 0.
    std::size_t forget_before(const retention& keep, std::size_t rows_max = 1'000);

    const group_name& group() const noexcept { return group_; }

private:
    template <class Step>
    auto take(Step&& step);

    group_name group_;
    open_store open_;
    random_source* random_;
    std::mutex mutex_;
    std::unique_ptr<claim_store> store_;
};

/// A claim that is given back unless complete() was said. For one thread; the checker must outlive
/// it. In a forked child it leaves the claim, which is its parent's, alone.
class [[nodiscard]] claim_lease {
public:
    /// As idempotency_checker::claim().
    claim_lease(idempotency_checker& checker, message_key key, std::chrono::milliseconds hold);
    claim_lease(const claim_lease&) = delete;
    claim_lease& operator=(const claim_lease&) = delete;
    /// Releases what is fresh and not completed. If that fails, the lease ends by its time.
    ~claim_lease();

    claim_state state() const noexcept { return claim_.state; }
    bool is_fresh() const noexcept { return claim_.state == claim_state::fresh; }
    std::chrono::milliseconds remaining() const noexcept { return claim_.remaining; }

    /// As in the checker; usage_error unless it is fresh. After complete() it is over either way,
    /// also when that threw.
    bool complete();
    [[nodiscard]] bool extend(std::chrono::milliseconds hold);

private:
    void require_held(const char* what) const;

    idempotency_checker* checker_;
    message_key key_;
    outbox::claim claim_;
    bool over_ = false;
    pid_t process_;
};

} // namespace outbox
