#include "outbox/consumer/idempotency/idempotency_checker.hpp"

#include "outbox/base/error.hpp"

#include <unistd.h>

#include <array>
#include <exception>
#include <string>
#include <utility>

namespace outbox {
namespace {

bytes new_token(random_source& random) {
    std::array<unsigned char, claim_token_bytes> token{};
    random.fill(token);
    return {token.begin(), token.end()};
}

void require_hold(std::chrono::milliseconds hold) {
    if (hold < std::chrono::milliseconds{1} || hold > claim_hold_max)
        throw error(
            error_kind::invalid_argument,
            "a lease of " + std::to_string(hold.count()) + " ms",
            "1 ms to " + std::to_string(claim_hold_max.count()) +
                " ms are allowed; longer than the work can take is right"
        );
}

} // namespace

const char* to_string(claim_state state) noexcept {
    switch (state) {
    case claim_state::fresh:
        return "fresh";
    case claim_state::in_progress:
        return "in_progress";
    case claim_state::done:
        return "done";
    }
    return "?";
}

idempotency_checker::idempotency_checker(group_name group, open_store open, random_source& random)
    : group_(std::move(group))
    , open_(std::move(open))
    , random_(&random) {}

// A connection that has been idle is often lost without anybody's knowing, so the second try is on
// a new one. Where the answer to the first was lost, the step says the same again.
template <class Step>
auto idempotency_checker::take(Step&& step) {
    const std::lock_guard lock{mutex_};
    for (bool again : {true, false}) {
        try {
            if (!store_)
                store_ = open_();
            return step(*store_);
        } catch (const error& e) {
            if (e.kind() != error_kind::unreachable)
                throw;
            store_.reset();
            if (!again)
                throw;
        } catch (...) {
            store_.reset();
            throw;
        }
    }
    throw usage_error("outbox: never reached");
}

claim idempotency_checker::claim(const message_key& key, std::chrono::milliseconds hold) {
    require_hold(hold);
    const bytes token = new_token(*random_);
    const auto seen = take([&](claim_store& store) {
        return store.claim({.group = group_.text(), .key = key.raw()}, token, hold);
    });
    if (!seen)
        return {.state = claim_state::in_progress, .token = {}, .remaining = {}};
    if (seen->done)
        return {.state = claim_state::done, .token = {}, .remaining = {}};
    if (seen->token != token)
        return {.state = claim_state::in_progress, .token = {}, .remaining = seen->remaining};
    return {.state = claim_state::fresh, .token = token, .remaining = seen->remaining};
}

bool idempotency_checker::complete(const message_key& key, const bytes& token) {
    return take([&](claim_store& store) {
        return store.complete({.group = group_.text(), .key = key.raw()}, token);
    });
}

bool idempotency_checker::extend(
    const message_key& key,
    const bytes& token,
    std::chrono::milliseconds hold
) {
    require_hold(hold);
    return take([&](claim_store& store) {
        return store.extend({.group = group_.text(), .key = key.raw()}, token, hold);
    });
}

void idempotency_checker::release(const message_key& key, const bytes& token) {
    take([&](claim_store& store) {
        store.release({.group = group_.text(), .key = key.raw()}, token);
    });
}

std::size_t idempotency_checker::forget_before(const retention& keep, std::size_t rows_max) {
    return take([&](claim_store& store) { return store.forget_before(keep.keep(), rows_max); });
}

claim_lease::claim_lease(
    idempotency_checker& checker,
    message_key key,
    std::chrono::milliseconds hold
)
    : checker_(&checker)
    , key_(std::move(key))
    , claim_(checker.claim(key_, hold))
    , process_(::getpid()) {}

claim_lease::~claim_lease() {
    if (!is_fresh() || over_ || process_ != ::getpid())
        return;
    try {
        checker_->release(key_, claim_.token);
    } catch (const std::exception&) { // then it ends with its time
    }
}

bool claim_lease::complete() {
    require_held("complete()");
    over_ = true;
    return checker_->complete(key_, claim_.token);
}

bool claim_lease::extend(std::chrono::milliseconds hold) {
    require_held("extend()");
    return checker_->extend(key_, claim_.token, hold);
}

void claim_lease::require_held(const char* what) const {
    if (!is_fresh() || over_ || process_ != ::getpid())
        throw usage_error(
            std::string{"outbox: "} + what + " on a lease that is not held: its state is " +
            to_string(claim_.state) + (over_ ? ", and it was completed already" : "")
        );
}

} // namespace outbox
