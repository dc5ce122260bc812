#include "outbox/consumer/idempotency/idempotent.hpp"

#include "outbox/base/log.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <string>

namespace outbox::detail {
namespace {

constexpr const char* source = "idempotency";

void count(
    const idempotent_options& options,
    std::atomic<std::uint64_t> idempotency_counts::*what
) {
    if (options.counts != nullptr)
        ++(options.counts->*what);
}

// The effect has happened, whatever comes now: a second delivery could only repeat it.
void mark_done(claim_lease& held, const idempotent_options& options, const message_id& id) {
    try {
        if (held.complete())
            return;
        count(options, &idempotency_counts::overtaken);
        log(log_level::warning,
            source,
            "message " + id.text() +
                " was done after its lease was over and somebody else had begun: its effect may "
                "have happened twice; hold it for longer");
    } catch (const std::exception& e) {
        count(options, &idempotency_counts::unmarked);
        log(log_level::warning,
            source,
            "message " + id.text() + " is done and could not be marked: " + e.what());
    }
}

} // namespace

outcome handle_once(
    idempotency_checker& checker,
    const idempotent_options& options,
    const delivery& message,
    const std::function<outcome(const delivery&, claim_lease&)>& work
) {
    std::optional<message_key> key;
    try {
        key = options.key_of(message);
    } catch (const std::exception& e) {
        return outcome::dead_letter(std::string{"no key to recognise it by: "} + e.what());
    }
    std::optional<claim_lease> held;
    try {
        held.emplace(checker, *key, options.hold);
    } catch (const std::exception& e) {
        count(options, &idempotency_counts::unavailable);
        return outcome::unavailable(std::string{"the idempotency checker: "} + e.what());
    }
    switch (held->state()) {
    case claim_state::done:
        count(options, &idempotency_counts::duplicates);
        return outcome::ack();
    case claim_state::in_progress:
        count(options, &idempotency_counts::in_progress);
        return outcome::defer(
            std::clamp(held->remaining(), options.retry_least, options.retry_longest),
            "somebody else is at work on it"
        );
    case claim_state::fresh:
        break;
    }
    count(options, &idempotency_counts::handled);
    outcome result = work(message, *held);
    if (result.kind() == outcome_kind::ack)
        mark_done(*held, options, message.id);
    return result;
}

} // namespace outbox::detail
