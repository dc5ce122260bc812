#include "broker/group/coordinator.hpp"

#include <algorithm>

namespace outbox::broker {

using wire::error_code;

bool coordinator::exists(const known_group& known) {
    return known.memory || !known.offsets.empty() || !known.membership.deserted();
}

const coordinator::known_group* coordinator::find(std::string_view group) const {
    const auto at = groups_.find(group);
    return at == groups_.end() ? nullptr : &at->second;
}

coordinator::known_group& coordinator::get(const std::string& group) {
    return groups_.try_emplace(group, known_group{broker::group(options_, random_)}).first->second;
}

void coordinator::schedule(groups::iterator at) {
    const auto next = at->second.membership.next_deadline();
    if (next == at->second.deadline)
        return;
    if (at->second.deadline)
        deadlines_.erase({*at->second.deadline, at->first});
    at->second.deadline = next;
    if (next)
        deadlines_.emplace(*next, at->first);
}

void coordinator::forget_if_nothing(groups::iterator at) {
    if (exists(at->second))
        return;
    if (at->second.deadline)
        deadlines_.erase({*at->second.deadline, at->first});
    groups_.erase(at);
}

/// A machine of one group has moved: remembers what is worth it, and when it wants to be called.
void coordinator::after(const moment& now, groups::iterator at, coordinator_actions& out) {
    known_group& known = at->second;
    if (std::exchange(out.changed, false)) {
        const bool is_empty = known.membership.state() == group_state::empty;
        if (is_empty)
            known.empty_since_ms = now.wall_ms;
        out.changes.emplace_back(group_change{
            at->first,
            group_memory{
                .protocol_type = known.membership.protocol_type(),
                .generation = known.membership.generation(),
                .protocol = is_empty ? std::string() : known.membership.protocol(),
                .leader = is_empty ? std::string() : known.membership.leader(),
                .changed_ms = now.wall_ms}});
        // The change is on its way to the disk; until it is there, this is what is known.
        known.memory = std::get<group_change>(out.changes.back()).value;
    }
    schedule(at);
    forget_if_nothing(at);
}

void coordinator::join(
    const moment& now,
    call_id call,
    const std::string& group,
    join_ask ask,
    coordinator_actions& out
) {
    auto at = groups_.find(group);
    if (at == groups_.end()) {
        const auto why = !ask.member_id.empty()                  ? error_code::unknown_member_id
                         : groups_.size() >= options_.groups_max ? error_code::policy_violation
                                                                 : error_code::none;
        if (why != error_code::none) {
            out.joins.emplace_back(
                call,
                join_answer{.error = why, .member_id = std::move(ask.member_id)}
            );
            return;
        }
        get(group);
        at = groups_.find(group);
    }
    at->second.membership.join(now.ticks, call, std::move(ask), out);
    after(now, at, out);
}

void coordinator::sync(
    const moment& now,
    call_id call,
    const std::string& group,
    sync_ask ask,
    coordinator_actions& out
) {
    const auto at = groups_.find(group);
    if (at == groups_.end()) {
        out.syncs.emplace_back(call, sync_answer{.error = error_code::unknown_member_id});
        return;
    }
    at->second.membership.sync(now.ticks, call, std::move(ask), out);
    after(now, at, out);
}

// A heartbeat only moves deadlines further away: the one that is known is early, which costs a
// look.
error_code coordinator::heartbeat(
    const moment& now,
    const std::string& group,
    member_name who,
    std::int32_t generation
) {
    const auto at = groups_.find(group);
    return at == groups_.end() ? error_code::unknown_member_id
                               : at->second.membership.heartbeat(now.ticks, who, generation);
}

error_code coordinator::leave(
    const moment& now,
    const std::string& group,
    member_name who,
    coordinator_actions& out
) {
    const auto at = groups_.find(group);
    if (at == groups_.end())
        return error_code::unknown_member_id;
    const error_code why = at->second.membership.leave(now.ticks, who, out);
    after(now, at, out);
    return why;
}

void coordinator::disconnected(
    const moment& now,
    const std::string& group,
    call_id call,
    coordinator_actions& out
) {
    const auto at = groups_.find(group);
    if (at == groups_.end())
        return;
    at->second.membership.disconnected(now.ticks, call, out);
    after(now, at, out);
}

void coordinator::tick(const moment& now, coordinator_actions& out) {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now.ticks) {
        const auto at = groups_.find(deadlines_.begin()->second);
        at->second.membership.tick(now.ticks, out);
        after(now, at, out);
    }
}

std::optional<tick_point> coordinator::next_deadline() const {
    return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
}

// What is committed
// ------------------------------------------------------------------------------------------------------

/// What is committed again takes no new room: a group that is in goes on at the limit.
bool coordinator::has_room_for(const known_group* known, std::span<const state_change> wanted)
    const {
    if (wanted.size() > options_.commit_partitions_max)
        return false;
    if (offset_count_ + wanted.size() <= options_.offsets_max)
        return true;
    const auto is_new = [&](const state_change& change) {
        const auto& one = std::get<offset_change>(change);
        if (known == nullptr)
            return true;
        const auto topic = known->offsets.find(one.topic);
        return topic == known->offsets.end() || !topic->second.contains(one.partition);
    };
    const auto fresh = static_cast<std::size_t>(std::ranges::count_if(wanted, is_new));
    return fresh == 0 || offset_count_ + fresh <= options_.offsets_max;
}

error_code coordinator::check_commit(
    const moment& now,
    const std::string& group,
    member_name who,
    std::int32_t generation,
    std::span<const state_change> wanted
) {
    const auto at = groups_.find(group);
    if (!has_room_for(at == groups_.end() ? nullptr : &at->second, wanted))
        return error_code::invalid_commit_offset_size;
    if (at != groups_.end())
        return at->second.membership.check_commit(now.ticks, who, generation);
    if (generation >= 0 || !who.member_id.empty() || who.instance_id)
        return error_code::unknown_member_id;
    return groups_.size() >= options_.groups_max ? error_code::policy_violation : error_code::none;
}

void coordinator::apply(state_change change) {
    if (auto* group = std::get_if<group_change>(&change)) {
        known_group& known = get(group->group);
        known.memory = std::move(group->value);
        forget_if_nothing(groups_.find(group->group));
        return;
    }
    auto& one = std::get<offset_change>(change);
    known_group& known = get(one.group);
    if (one.value) {
        offset_count_ +=
            known.offsets[one.topic].insert_or_assign(one.partition, std::move(*one.value)).second
                ? 1
                : 0;
        return;
    }
    if (const auto topic = known.offsets.find(one.topic); topic != known.offsets.end()) {
        offset_count_ -= topic->second.erase(one.partition);
        if (topic->second.empty())
            known.offsets.erase(topic);
    }
    forget_if_nothing(groups_.find(one.group));
}

void coordinator::begin(const moment& now) {
    for (auto& [name, known] : groups_) {
        if (!known.memory)
            continue;
        known.membership.resume(known.memory->protocol_type, known.memory->generation);
        known.empty_since_ms =
            known.memory->leader.empty() ? known.memory->changed_ms : now.wall_ms;
    }
}

std::vector<state_change> coordinator::snapshot() const {
    std::vector<state_change> changes;
    for (const auto& [name, known] : groups_) {
        if (known.memory)
            changes.emplace_back(group_change{name, known.memory});
        for (const auto& [topic, partitions] : known.offsets)
            for (const auto& [partition, committed] : partitions)
                changes.emplace_back(offset_change{name, topic, partition, committed});
    }
    return changes;
}

error_code coordinator::remove_group(const std::string& group, std::vector<state_change>& changes) {
    const known_group* known = find(group);
    if (known == nullptr || !exists(*known))
        return error_code::group_id_not_found;
    if (known->membership.member_count() > 0)
        return error_code::non_empty_group;
    for (const auto& [topic, partitions] : known->offsets)
        for (const auto& [partition, committed] : partitions)
            changes.emplace_back(offset_change{group, topic, partition, std::nullopt});
    changes.emplace_back(group_change{group, std::nullopt});
    return error_code::none;
}

std::vector<state_change> coordinator::expire(const moment& now, const find_topic& topics) {
    std::vector<state_change> changes;
    std::map<std::string, std::optional<topic_id>, std::less<>> ids;
    const auto id_of = [&](const std::string& topic) {
        const auto [at, is_new] = ids.try_emplace(topic);
        if (is_new)
            if (const auto present = topics(topic))
                at->second = present->id;
        return at->second;
    };
    const auto is_older = [&](std::int64_t since_ms, std::chrono::milliseconds than) {
        return now.wall_ms - since_ms >= than.count();
    };
    for (const auto& [name, known] : groups_) {
        const bool is_empty = known.membership.member_count() == 0;
        std::size_t left = 0;
        for (const auto& [topic, partitions] : known.offsets)
            for (const auto& [partition, committed] : partitions) {
                const bool is_over =
                    is_empty && is_older(
                                    std::max(committed.committed_ms, known.empty_since_ms),
                                    options_.offsets_retention
                                );
                if (is_over || id_of(topic) != committed.topic)
                    changes.emplace_back(offset_change{name, topic, partition, std::nullopt});
                else
                    ++left;
            }
        if (left == 0 && known.memory && known.membership.deserted() &&
            is_older(known.empty_since_ms, options_.empty_group_kept))
            changes.emplace_back(group_change{name, std::nullopt});
    }
    return changes;
}

std::vector<state_change> coordinator::truncate(const find_topic& topics) const {
    std::vector<state_change> changes;
    for (const auto& [name, known] : groups_)
        for (const auto& [topic, partitions] : known.offsets) {
            const auto present = topics(topic);
            for (const auto& [partition, committed] : partitions) {
                if (!present || present->id != committed.topic)
                    continue;
                const auto end = present->end(partition);
                if (!end || committed.offset <= *end)
                    continue;
                committed_offset back = committed;
                back.offset = *end;
                back.leader_epoch = -1;
                changes.emplace_back(offset_change{name, topic, partition, std::move(back)});
            }
        }
    return changes;
}

} // namespace outbox::broker
