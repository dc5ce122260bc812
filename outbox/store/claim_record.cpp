#include "outbox/store/claim_record.hpp"

#include <algorithm>

namespace outbox {

claim_view claim_record::claim(bytes_view token, std::chrono::milliseconds hold, time_point now) {
    const bool is_done = held_ && !held_->lease_until;
    if (!held_ || is_over(now) || (!is_done && is_of(token)))
        held_ = held{.token = bytes{token}, .lease_until = now + hold, .changed_at = now};
    claim_view view{.token = held_->token, .done = is_done};
    if (held_->lease_until)
        view.remaining = std::max(
            std::chrono::ceil<std::chrono::milliseconds>(*held_->lease_until - now),
            std::chrono::milliseconds{0}
        );
    return view;
}

// Also when its lease was over and nobody holds it now: perhaps somebody else did meanwhile, and
// the work is done all the same.
bool claim_record::complete(bytes_view token, time_point now) {
    if (held_ && !is_of(token) && !is_over(now))
        return false;
    held_ = held{.token = bytes{token}, .lease_until = std::nullopt, .changed_at = now};
    return true;
}

bool claim_record::extend(bytes_view token, std::chrono::milliseconds hold, time_point now) {
    if (!is_of(token) || !held_->lease_until || is_over(now))
        return false;
    held_->lease_until = now + hold;
    held_->changed_at = now;
    return true;
}

void claim_record::release(bytes_view token) {
    if (is_of(token) && held_->lease_until)
        held_.reset();
}

bool claim_record::is_over(time_point now) const noexcept {
    return held_ && held_->lease_until && *held_->lease_until <= now;
}

bool claim_record::is_older_than(time_point then, time_point now) const noexcept {
    return held_ && held_->changed_at < then && (!held_->lease_until || is_over(now));
}

} // namespace outbox
