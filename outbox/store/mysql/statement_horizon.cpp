#include "outbox/store/mysql/statement_horizon.hpp"

#include <algorithm>

namespace outbox::mysql {

void statement_horizon::look(std::int64_t highest_seen, std::span<const std::int64_t> executing) {
    if (pending_) {
        std::erase_if(pending_->waited_for, [&](std::int64_t session) {
            return std::ranges::find(executing, session) == executing.end();
        });
        if (!pending_->waited_for.empty())
            return;
        reached_ = pending_->up_to;
        pending_.reset();
    }
    if (highest_seen <= reached_)
        return;
    if (executing.empty())
        reached_ = highest_seen;
    else
        pending_ = pending{
            .up_to = highest_seen,
            .waited_for = {executing.begin(), executing.end()},
            .since = {}};
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
        pending_ = pending{.up_to = highest_seen, .waited_for = {}, .since = now};
}

} // namespace outbox::mysql
