// Partitions that go: in good order, by force, or because they belong to somebody else already.

#include "outbox/consumer/consumer_machine.hpp"

#include <algorithm>
#include <utility>

namespace outbox {

void consumer_machine::drain(partition_handle handle, partition& p, tick_point deadline) {
    if (const auto place = parking_.find(handle); place != parking_.end()) {
        // First, or its messages would go where those that were parked are not any more.
        if (const auto home = partitions_.find(place->second.of); home != partitions_.end())
            drain(home->first, home->second, deadline);
    }
    if (p.phase != phase::owned) {
        if (p.phase != phase::fenced || stopping_)
            p.deadline = std::min(p.deadline, deadline);
        return;
    }
    p.phase = phase::draining;
    p.deadline = deadline;
    ++leaving_;
    drop_waiting(handle, false);
}

/// Gives up what of the partition has not been handed out, and with `also_pending` the rest as
/// well.
void consumer_machine::drop_waiting(partition_handle handle, bool also_pending) {
    std::vector<ticket> gone;
    for (const auto& [t, m] : messages_) {
        if (m.home == handle && m.state != state::abandoned)
            gone.push_back(t);
    }
    // From the last to the first, so that a lane does not pass its place to one that goes as well.
    std::sort(gone.rbegin(), gone.rend());
    auto& p = partitions_.at(handle);
    // Committed already: this member is the only one that will ever see it.
    const bool is_kept = settings_.at_most_once && p.phase == phase::draining;
    for (const auto t : gone) {
        auto& m = messages_.at(t);
        switch (m.state) {
        case state::in_hand:
            if (also_pending || !is_kept)
                actions_.emplace_back(consumer_action::withdraw{t});
            if (also_pending) {
                // Its handler still runs: until it returns, its key stays taken.
                count_out(m, p);
                m.state = state::abandoned;
                forget(t);
            }
            break;
        case state::sending:
        case state::send_failed:
            if (also_pending)
                drop(t, m);
            break;
        case state::ready:
        case state::behind:
        case state::held:
            if (!is_kept || also_pending)
                drop(t, m);
            break;
        case state::waiting_for_commit:
            // In the commit that is out, it will be nobody else's.
            if (!also_pending && p.phase == phase::draining && p.committing &&
                m.offset < *p.committing)
                break;
            p.not_beyond = m.offset; // the lowest comes last
            drop(t, m);
            break;
        case state::abandoned:
            break;
        }
    }
    std::erase_if(p.waiting_for_commit, [this](ticket t) { return !messages_.contains(t); });
}

/// Perhaps somebody else has what is ours. Until a commit has succeeded, or it is taken from us,
/// nothing is handed out; but what was committed before, at most once, only we have. And what was
/// not, others may have been handed.
void consumer_machine::doubt(partition& p, consumer_event::commit_result why) {
    p.doubted = true;
    if (!settings_.at_most_once) {
        withdraw_all();
        return;
    }
    if (why != consumer_event::commit_result::forgotten)
        return;
    for (const auto t : std::exchange(p.waiting_for_commit, {})) {
        ++counts_.given_up;
        finish(t, messages_.at(t));
    }
}

bool consumer_machine::in_doubt() const noexcept {
    return !settings_.at_most_once &&
           std::ranges::any_of(partitions_, [](const auto& each) { return each.second.doubted; });
}

/// Somebody else has it already, and we shall be told.
void consumer_machine::fence(partition_handle handle, partition& p) {
    if (p.phase != phase::owned)
        return;
    if (const auto place = parking_.find(handle); place != parking_.end()) {
        if (const auto home = partitions_.find(place->second.of); home != partitions_.end())
            fence(home->first, home->second);
    }
    p.phase = phase::fenced;
    p.deadline = tick_point::max(); // until we stop
    ++leaving_;
    drop_waiting(handle, false);
}

/// Somebody else has it already.
void consumer_machine::lose(partition_handle handle, partition& p) {
    fence(handle, p);
    p.phase = phase::fenced;
    drop_waiting(handle, true);
    counts_.fenced_messages += p.window.finished_count() - p.committed_count;
    actions_.emplace_back(consumer_action::release{handle});
    --leaving_;
    erase(handle);
}

void consumer_machine::erase(partition_handle handle) {
    if (const auto place = parking_.find(handle); place != parking_.end()) {
        for (const auto& [offset, each] : place->second.on_way) {
            if (each.lane)
                lanes_.came_back(*each.lane, offset);
        }
        parking_.erase(place);
    }
    partitions_.erase(handle);
}

void consumer_machine::settle_leaving() {
    for (auto at = partitions_.begin(); at != partitions_.end();) {
        auto& [handle, p] = *at;
        if (p.phase == phase::fenced && stopping_ && (p.unfinished == 0 || now_ >= p.deadline)) {
            const auto not_told = (at++)->first;
            lose(not_told, p);
            continue;
        }
        if (p.phase == phase::draining && (p.unfinished == 0 || now_ >= p.deadline)) {
            drop_waiting(handle, true);
            p.phase = phase::closing;
            p.deadline = now_ + settings_.commit_patience;
            dirty_ = true;
            commit_at_ = now_;
            commit();
        }
        const bool committed = !wants_commit(p) && !p.committing;
        if (p.phase != phase::closing || (!committed && now_ < p.deadline)) {
            ++at;
            continue;
        }
        if (!committed)
            counts_.fenced_messages += p.window.finished_count() - p.committed_count;
        actions_.emplace_back(consumer_action::release{handle});
        --leaving_;
        const auto gone = (at++)->first;
        erase(gone);
    }
}

} // namespace outbox
