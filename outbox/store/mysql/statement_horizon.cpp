#include "outbox/store/mysql/statement_horizon.hpp"

#include <algorithm>

namespace outbox::mysql {

// The same statement has been busy for longer by at least the time between the two looks. A quarter
// of that is left for clocks that do not run alike.
bool statement_horizon::is_over(
    const seen_session& old,
    std::span<const busy_session> now,
    tick_point asked
) const {
    const auto found = std::ranges::find(now, old.then.id, &busy_session::id);
    if (found == now.end())
        return true;
    const auto between = std::chrono::duration_cast<std::chrono::microseconds>(asked - old.at);
    return found->busy_for + resolution_ < old.then.busy_for + between * 3 / 4;
}

void statement_horizon::look(
    std::int64_t highest_seen,
    std::span<const busy_session> executing,
    tick_point asked,
    tick_point answered
) {
    if (pending_) {
        std::erase_if(pending_->waited_for, [&](const seen_session& old) {
            return is_over(old, executing, asked);
        });
        if (!pending_->waited_for.empty())
            return;
        reached_ = pending_->up_to;
        pending_.reset();
    }
    if (highest_seen <= reached_)
        return;
    if (executing.empty()) {
        reached_ = highest_seen;
        return;
    }
    pending_.emplace(pending{.up_to = highest_seen, .since = answered, .waited_for = {}});
    for (const busy_session& session : executing)
        pending_->waited_for.push_back({session, answered});
}

void statement_horizon::assume(
    std::int64_t highest_seen,
    tick_point now,
    std::chrono::milliseconds patience
) {
    if (pending_ && now - pending_->since >= patience) {
        reached_ = pending_->up_to;
        pending_.reset();
    }
    if (!pending_ && highest_seen > reached_)
        pending_.emplace(pending{.up_to = highest_seen, .since = now, .waited_for = {}});
}

} // namespace outbox::mysql
