#include "outbox/producer/pending_fates.hpp"

namespace outbox {
namespace {

constexpr const char* not_heard_in_time =
    "no relay said in time that it has delivered this message; it is committed and will be "
    "delivered, do not send it again";
constexpr const char* ended_early =
    "the producer ended before a relay had delivered this message; it is committed and will be "
    "delivered, do not send it again";

} // namespace

void pending_fates::admit(const message_id& id, std::string subject, watcher who, committer by) {
    entry& made = entries_[id];
    made.subject = std::move(subject);
    made.who = std::move(who);
    made.by = by;
}

void pending_fates::committed(
    const message_id& id,
    tick_point deadline,
    std::vector<settled_fate>& to
) {
    const auto at = entries_.find(id);
    if (at == entries_.end() || at->second.is_committed)
        return;
    at->second.is_committed = true;
    if (at->second.early)
        settle(at, receipt_note{*at->second.early}, to);
    else if (closed_)
        leave(at, ended_early, to);
    else
        set_due(at, deadline);
}

void pending_fates::forget_at(const message_id& id, tick_point when) {
    const auto at = entries_.find(id);
    if (at != entries_.end() && !at->second.is_committed)
        set_due(at, when);
}

watcher pending_fates::withdraw(const message_id& id) {
    const auto at = entries_.find(id);
    if (at == entries_.end())
        return {};
    set_due(at, std::nullopt);
    watcher who = std::move(at->second.who);
    entries_.erase(at);
    return who;
}

void pending_fates::heard(const receipt_note& note, std::vector<settled_fate>& to) {
    const auto at = entries_.find(note.id);
    if (at == entries_.end())
        return;
    if (at->second.is_committed || at->second.by == committer::user)
        settle(at, note, to);
    else if (!at->second.early)
        at->second.early = note;
}

void pending_fates::expire(
    tick_point now,
    std::vector<settled_fate>& to,
    std::vector<watcher>& forgotten
) {
    while (!due_.empty() && due_.begin()->first <= now) {
        const auto at = entries_.find(due_.begin()->second);
        if (at->second.is_committed) {
            leave(at, not_heard_in_time, to);
        } else {
            set_due(at, std::nullopt);
            forgotten.push_back(std::move(at->second.who));
            entries_.erase(at);
        }
    }
}

void pending_fates::close(std::vector<settled_fate>& to) {
    closed_ = true;
    for (auto at = entries_.begin(); at != entries_.end();) {
        const auto here = at++;
        if (here->second.is_committed)
            leave(here, ended_early, to);
    }
}

std::optional<tick_point> pending_fates::next_deadline() const {
    if (due_.empty())
        return std::nullopt;
    return due_.begin()->first;
}

void pending_fates::settle(
    entry_map::iterator at,
    const receipt_note& note,
    std::vector<settled_fate>& to
) {
    set_due(at, std::nullopt);
    to.push_back({
        .who = std::move(at->second.who),
        .report =
            {.id = at->first,
             .subject = std::move(at->second.subject),
             .attempts = note.attempts,
             .fate = note.fate,
             .error = note.reason,
             .position = note.position},
    });
    entries_.erase(at);
}

void pending_fates::leave(entry_map::iterator at, const char* why, std::vector<settled_fate>& to) {
    settle(
        at,
        receipt_note{
            .id = at->first,
            .fate = send_fate::left_to_watchdog,
            .attempts = 0,
            .position = {},
            .reason = why},
        to
    );
}

void pending_fates::set_due(entry_map::iterator at, std::optional<tick_point> due) {
    if (at->second.due)
        due_.erase({*at->second.due, at->first});
    at->second.due = due;
    if (due)
        due_.insert({*due, at->first});
}

} // namespace outbox
