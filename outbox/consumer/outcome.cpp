#include "outbox/consumer/outcome.hpp"

namespace outbox {

const char* to_string(outcome_kind kind) noexcept {
    switch (kind) {
    case outcome_kind::ack:
        return "ack";
    case outcome_kind::retry:
        return "retry";
    case outcome_kind::retry_after:
        return "retry_after";
    case outcome_kind::defer:
        return "defer";
    case outcome_kind::dead_letter:
        return "dead_letter";
    case outcome_kind::unavailable:
        return "unavailable";
    }
    return "?";
}

} // namespace outbox
