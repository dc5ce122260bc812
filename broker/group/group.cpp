#include "broker/group/group.hpp"

#include "outbox/base/hex.hpp"

#include <algorithm>
#include <array>

namespace outbox::broker {

using wire::error_code;

const char* to_string(group_state state) noexcept {
    switch (state) {
    case group_state::empty:
        return "Empty";
    case group_state::preparing_rebalance:
        return "PreparingRebalance";
    case group_state::completing_rebalance:
        return "CompletingRebalance";
    case group_state::stable:
        return "Stable";
    }
    return "Dead";
}

namespace {

/// As Kafka makes them: who it is, for people, and a random UUID, so that nobody guesses one.
std::string make_member_id(const join_ask& ask, random_source& random) {
    constexpr std::size_t name_bytes_max = 128;
    std::array<unsigned char, 16> id{};
    random.fill(id);
    id[6] = static_cast<unsigned char>((id[6] & 0x0f) | 0x40);
    id[8] = static_cast<unsigned char>((id[8] & 0x3f) | 0x80);
    std::string text = to_hex({reinterpret_cast<const char*>(id.data()), id.size()});
    for (const std::size_t dash : {8U, 13U, 18U, 23U})
        text.insert(dash, 1, '-');
    return ask.instance_id.value_or(ask.client_id).substr(0, name_bytes_max) + "-" + text;
}

bool offers(const std::vector<group_protocol>& protocols, std::string_view name) {
    return std::ranges::any_of(protocols, [&](const auto& p) { return p.name == name; });
}

std::size_t told_bytes(const std::vector<group_protocol>& protocols) {
    std::size_t sum = 0;
    for (const auto& p : protocols)
        sum += p.name.size() + p.metadata.size();
    return sum;
}

join_answer refusal(error_code why, std::string member_id) {
    return {.error = why, .member_id = std::move(member_id)};
}

} // namespace

bytes_view group::chosen_metadata(const member& of) const noexcept {
    for (const auto& p : of.protocols)
        if (p.name == protocol_)
            return p.metadata;
    return {};
}

// Who may come in
// ------------------------------------------------------------------------------------------------------

bool group::within_limits(const join_ask& ask, const std::string& known_as) const {
    std::size_t count = 1;
    std::size_t told = told_bytes(ask.protocols);
    for (const auto& [id, m] : members_) {
        if (id == known_as)
            continue;
        ++count;
        told += told_bytes(m.protocols);
    }
    for (const auto& [id, until] : pending_)
        count += id == known_as ? 0 : 1;
    return count <= options_.members_max && told <= options_.group_bytes_max;
}

bool group::fits_protocols(const join_ask& ask, const std::string& but_for) const {
    const auto is_short = [&](const std::string& s) { return s.size() <= options_.name_bytes_max; };
    if (ask.protocol_type.empty() || !is_short(ask.protocol_type) || ask.protocols.empty() ||
        ask.protocols.size() > options_.protocols_max ||
        !std::ranges::all_of(ask.protocols, is_short, &group_protocol::name))
        return false;
    const auto is_other = [&](const auto& m) { return m.first != but_for; };
    if (std::ranges::none_of(members_, is_other))
        return true;
    if (ask.protocol_type != protocol_type_)
        return false;
    return std::ranges::any_of(ask.protocols, [&](const group_protocol& p) {
        return std::ranges::all_of(members_, [&](const auto& m) {
            return !is_other(m) || offers(m.second.protocols, p.name);
        });
    });
}

void group::join(tick_point now, call_id call, join_ask ask, group_actions& out) {
    const auto refuse = [&](error_code why) {
        out.joins.emplace_back(call, refusal(why, ask.member_id));
    };
    if (ask.session < options_.session_min || ask.session > options_.session_max)
        return refuse(error_code::invalid_session_timeout);
    ask.rebalance = ask.rebalance.count() < 0 ? ask.session : ask.rebalance;

    std::string known_as = ask.member_id;
    if (ask.instance_id) {
        const auto instance = instances_.find(*ask.instance_id);
        if (instance != instances_.end()) {
            if (!ask.member_id.empty() && instance->second != ask.member_id)
                return refuse(error_code::fenced_instance_id);
            known_as = instance->second;
        }
    }
    const auto known = members_.find(known_as);
    const bool is_pending = pending_.contains(known_as);
    if (!ask.member_id.empty() && known == members_.end() && !is_pending)
        return refuse(error_code::unknown_member_id);
    if (!fits_protocols(ask, known_as))
        return refuse(error_code::inconsistent_group_protocol);
    if (!within_limits(ask, known_as))
        return refuse(error_code::group_max_size_reached);

    if (known != members_.end()) {
        if (ask.member_id.empty())
            replace_static(now, call, known, std::move(ask), out);
        else
            join_again(now, call, known, std::move(ask), out);
        return;
    }
    if (is_pending) {
        pending_.erase(known_as);
        add(now, call, std::move(known_as), std::move(ask), out);
        return;
    }
    std::string id = make_member_id(ask, random_);
    if (ask.takes_member_id && !ask.instance_id) {
        pending_[id] = now + ask.session;
        out.joins.emplace_back(call, refusal(error_code::member_id_required, std::move(id)));
        return;
    }
    add(now, call, std::move(id), std::move(ask), out);
}

void group::add(tick_point now, call_id call, std::string id, join_ask ask, group_actions& out) {
    if (members_.empty())
        protocol_type_ = ask.protocol_type;
    if (ask.instance_id)
        instances_[*ask.instance_id] = id;
    const auto who = members_.try_emplace(std::move(id)).first;
    update(who, std::move(ask));
    wait_for_rebalance(now, call, who, out);
}

void group::update(member_map::iterator who, join_ask ask) {
    member& m = who->second;
    m.instance_id = std::move(ask.instance_id);
    m.client_id = std::move(ask.client_id);
    m.client_host = std::move(ask.client_host);
    m.session = ask.session;
    m.rebalance = ask.rebalance;
    m.protocols = std::move(ask.protocols);
    m.takes_skip_assignment = ask.takes_skip_assignment;
    if (members_.size() == 1)
        protocol_type_ = ask.protocol_type;
}

void group::join_again(
    tick_point now,
    call_id call,
    member_map::iterator who,
    join_ask ask,
    group_actions& out
) {
    const bool is_leader = who->first == leader_;
    const bool has_news = who->second.protocols != ask.protocols;
    const bool is_retry =
        (state_ == group_state::completing_rebalance && !has_news) ||
        // A leader comes again because the partitions that it divides have changed.
        (state_ == group_state::stable && !has_news && !is_leader);
    if (!ask.instance_id)
        ask.instance_id = who->second.instance_id;
    update(who, std::move(ask));
    if (!is_retry) {
        wait_for_rebalance(now, call, who, out);
        return;
    }
    refresh(now, who->second);
    out.joins.emplace_back(call, answer_for(*who));
}

// A static member has started again and does not know who it was: it takes over the place and the
// assignment of its predecessor, and the others need not notice.
void group::replace_static(
    tick_point now,
    call_id call,
    member_map::iterator old,
    join_ask ask,
    group_actions& out
) {
    const std::string old_id = old->first;
    if (const auto waiting = std::exchange(old->second.joining, {}))
        out.joins.emplace_back(*waiting, refusal(error_code::fenced_instance_id, old_id));
    if (const auto waiting = std::exchange(old->second.syncing, {}))
        out.syncs.emplace_back(*waiting, sync_answer{.error = error_code::fenced_instance_id});
    auto node = members_.extract(old);
    node.key() = make_member_id(ask, random_);
    const auto who = members_.insert(std::move(node)).position;
    instances_[*ask.instance_id] = who->first;
    const bool was_leader = leader_ == old_id;
    if (was_leader)
        leader_ = who->first;
    update(who, std::move(ask));
    if (state_ != group_state::stable || choose_protocol() != protocol_) {
        wait_for_rebalance(now, call, who, out);
        return;
    }
    refresh(now, who->second);
    join_answer answer = answer_for(*who);
    if (was_leader && who->second.takes_skip_assignment) {
        answer.skip_assignment = true;
    } else if (was_leader) {
        // It would assign anew, and nobody would hear of it. So it is told that another leads.
        answer.leader = old_id;
        answer.members.clear();
    }
    out.joins.emplace_back(call, std::move(answer));
}

// Rebalancing
// ------------------------------------------------------------------------------------------------------

void group::wait_for_rebalance(
    tick_point now,
    call_id call,
    member_map::iterator who,
    group_actions& out
) {
    // The same member asks twice: only the newer question can still have somebody who listens.
    if (const auto older = std::exchange(who->second.joining, call))
        out.joins.emplace_back(*older, refusal(error_code::rebalance_in_progress, who->first));
    if (state_ != group_state::preparing_rebalance)
        prepare(now, out);
    else if (was_empty_)
        earliest_ = std::min(now + options_.initial_rebalance_delay, latest_);
    complete_if_all_came(now, out);
}

std::chrono::milliseconds group::longest_rebalance() const {
    std::chrono::milliseconds longest{0};
    for (const auto& [id, m] : members_)
        longest = std::max(longest, m.rebalance);
    return longest;
}

void group::prepare(tick_point now, group_actions& out) {
    for (auto& [id, m] : members_) {
        if (const auto waiting = std::exchange(m.syncing, {})) {
            out.syncs.emplace_back(
                *waiting,
                sync_answer{.error = error_code::rebalance_in_progress}
            );
            refresh(now, m);
        }
    }
    was_empty_ = state_ == group_state::empty;
    latest_ = now + longest_rebalance();
    earliest_ = was_empty_ ? std::min(now + options_.initial_rebalance_delay, latest_) : now;
    state_ = group_state::preparing_rebalance;
}

void group::complete_if_all_came(tick_point now, group_actions& out) {
    if (state_ != group_state::preparing_rebalance || now < earliest_)
        return;
    if (std::ranges::all_of(members_, [](const auto& m) { return m.second.joining.has_value(); }))
        complete(now, out);
}

/// Of what all offer, what most of them like best; the alphabet decides between equals.
std::string group::choose_protocol() const {
    std::map<std::string_view, std::size_t> votes;
    for (const auto& p : members_.begin()->second.protocols)
        if (std::ranges::all_of(members_, [&](const auto& m) {
                return offers(m.second.protocols, p.name);
            }))
            votes[p.name] = 0;
    for (const auto& [id, m] : members_)
        for (const auto& p : m.protocols)
            if (const auto candidate = votes.find(p.name); candidate != votes.end()) {
                ++candidate->second;
                break;
            }
    const auto best = std::ranges::max_element(votes, {}, [](const auto& v) { return v.second; });
    return best == votes.end() ? std::string() : std::string(best->first);
}

void group::complete(tick_point now, group_actions& out) {
    // Static members may be away for as long as their session lasts, and keep their place.
    for (auto who = members_.begin(); who != members_.end();)
        if (!who->second.joining && !who->second.instance_id)
            who = remove(who, error_code::unknown_member_id, out);
        else
            ++who;
    if (members_.empty()) {
        after_removal(now, out);
        return;
    }
    const auto came =
        std::ranges::find_if(members_, [](const auto& m) { return m.second.joining.has_value(); });
    if (came == members_.end()) {
        // Nobody is here to lead. Their sessions will end or they will come.
        latest_ = now + std::max(longest_rebalance(), options_.session_min);
        return;
    }
    const auto leader = members_.find(leader_);
    if (leader == members_.end() || !leader->second.joining)
        leader_ = came->first;
    ++generation_;
    protocol_ = choose_protocol();
    state_ = group_state::completing_rebalance;
    latest_ = now + longest_rebalance();
    out.changed = true;
    for (auto& who : members_) {
        member& m = who.second;
        m.settled = true;
        m.synced = !m.joining;
        if (const auto waiting = std::exchange(m.joining, {})) {
            refresh(now, m);
            out.joins.emplace_back(*waiting, answer_for(who));
        }
    }
}

join_answer group::answer_for(const member_map::value_type& who) const {
    join_answer answer{
        .generation = generation_,
        .protocol_type = protocol_type_,
        .protocol = protocol_,
        .leader = leader_,
        .member_id = who.first};
    if (who.first == leader_)
        for (const auto& [id, m] : members_)
            answer.members.push_back({id, m.instance_id, bytes(chosen_metadata(m))});
    return answer;
}

void group::sync(tick_point now, call_id call, sync_ask ask, group_actions& out) {
    const auto refuse = [&](error_code why) {
        out.syncs.emplace_back(call, sync_answer{.error = why});
    };
    member_map::iterator who;
    if (const auto why = find({ask.member_id, ask.instance_id}, who); why != error_code::none)
        return refuse(why);
    if (ask.generation != generation_)
        return refuse(error_code::illegal_generation);
    if ((ask.protocol_type && *ask.protocol_type != protocol_type_) ||
        (ask.protocol && *ask.protocol != protocol_))
        return refuse(error_code::inconsistent_group_protocol);
    member& m = who->second;
    refresh(now, m);
    if (state_ == group_state::preparing_rebalance)
        return refuse(error_code::rebalance_in_progress);
    m.synced = true;
    if (state_ == group_state::completing_rebalance) {
        if (const auto older = std::exchange(m.syncing, call))
            out.syncs.emplace_back(*older, sync_answer{.error = error_code::rebalance_in_progress});
        if (who->first != leader_)
            return;
        for (auto& [id, each] : members_)
            each.assigned.clear();
        for (auto& [id, assigned] : ask.assignments)
            if (const auto each = members_.find(id); each != members_.end())
                each->second.assigned = std::move(assigned);
        state_ = group_state::stable;
        for (auto& [id, each] : members_)
            if (const auto waiting = std::exchange(each.syncing, {})) {
                refresh(now, each);
                out.syncs.emplace_back(
                    *waiting,
                    sync_answer{error_code::none, protocol_type_, protocol_, each.assigned}
                );
            }
        return;
    }
    out.syncs.emplace_back(
        call,
        sync_answer{error_code::none, protocol_type_, protocol_, m.assigned}
    );
}

// Who is still there
// ------------------------------------------------------------------------------------------------------

error_code group::find(member_name who, member_map::iterator& found) {
    if (who.instance_id) {
        const auto instance = instances_.find(*who.instance_id);
        if (instance == instances_.end())
            return error_code::unknown_member_id;
        // Nobody has taken the place of one who does not say who he is. librdkafka asks so between
        // two memberships, and would end for good.
        if (instance->second != who.member_id)
            return who.member_id.empty() ? error_code::unknown_member_id
                                         : error_code::fenced_instance_id;
    }
    found = members_.find(std::string(who.member_id));
    return found == members_.end() ? error_code::unknown_member_id : error_code::none;
}

/// A sign of life of a member of this generation.
error_code group::note(tick_point now, member_name who, std::int32_t generation) {
    member_map::iterator found;
    if (const auto why = find(who, found); why != error_code::none)
        return why;
    if (generation != generation_)
        return error_code::illegal_generation;
    refresh(now, found->second);
    return error_code::none;
}

error_code group::heartbeat(tick_point now, member_name who, std::int32_t generation) {
    if (const auto why = note(now, who, generation); why != error_code::none)
        return why;
    return state_ == group_state::preparing_rebalance ? error_code::rebalance_in_progress
                                                      : error_code::none;
}

error_code group::check_commit(tick_point now, member_name who, std::int32_t generation) {
    if (state_ == group_state::empty && generation < 0 && who.member_id.empty() && !who.instance_id)
        return error_code::none;
    if (const auto why = note(now, who, generation); why != error_code::none)
        return why;
    // While a rebalance is prepared it still owns what it was assigned. Once the next generation
    // has begun, nobody owns anything until the leader has spoken.
    return state_ == group_state::completing_rebalance ? error_code::rebalance_in_progress
                                                       : error_code::none;
}

error_code group::leave(tick_point now, member_name who, group_actions& out) {
    if (!who.instance_id && pending_.erase(std::string(who.member_id)) > 0)
        return error_code::none;
    // A tool takes a static member out without knowing which id it has at present.
    const auto instance = who.instance_id ? instances_.find(*who.instance_id) : instances_.end();
    const std::string id = instance != instances_.end() && who.member_id.empty()
                               ? instance->second
                               : std::string(who.member_id);
    member_map::iterator found;
    if (const auto why = find({id, who.instance_id}, found); why != error_code::none)
        return why;
    remove(found, error_code::unknown_member_id, out);
    after_removal(now, out);
    return error_code::none;
}

group::member_map::iterator
group::remove(member_map::iterator who, error_code why, group_actions& out) {
    member& m = who->second;
    if (m.joining)
        out.joins.emplace_back(*m.joining, refusal(why, who->first));
    if (m.syncing)
        out.syncs.emplace_back(*m.syncing, sync_answer{.error = why});
    if (m.instance_id)
        instances_.erase(*m.instance_id);
    if (leader_ == who->first)
        leader_.clear();
    return members_.erase(who);
}

void group::after_removal(tick_point now, group_actions& out) {
    if (members_.empty()) {
        if (state_ == group_state::empty)
            return;
        state_ = group_state::empty;
        ++generation_;
        protocol_.clear();
        leader_.clear();
        out.changed = true;
        return;
    }
    if (state_ == group_state::stable || state_ == group_state::completing_rebalance)
        prepare(now, out);
    complete_if_all_came(now, out);
}

void group::disconnected(tick_point now, call_id call, group_actions& out) {
    for (auto who = members_.begin(); who != members_.end(); ++who) {
        member& m = who->second;
        if (m.joining == call) {
            m.joining.reset();
            refresh(now, m);
            // Nobody has heard of it, and it does not know its own id for certain.
            if (!m.settled) {
                remove(who, error_code::unknown_member_id, out);
                after_removal(now, out);
            }
            return;
        }
        if (m.syncing == call) {
            m.syncing.reset();
            refresh(now, m);
            return;
        }
    }
}

void group::tick(tick_point now, group_actions& out) {
    std::erase_if(pending_, [&](const auto& p) { return p.second <= now; });
    const bool is_syncing =
        state_ == group_state::completing_rebalance || state_ == group_state::stable;
    bool removed = false;
    for (auto who = members_.begin(); who != members_.end();) {
        const member& m = who->second;
        const bool is_silent = !m.joining && !m.syncing && m.session_end <= now;
        const bool is_late = is_syncing && !m.synced && latest_ <= now;
        if (is_silent || is_late) {
            who = remove(who, error_code::unknown_member_id, out);
            removed = true;
        } else {
            ++who;
        }
    }
    if (removed)
        after_removal(now, out);
    if (earliest_ <= now)
        was_empty_ = false;
    if (state_ == group_state::preparing_rebalance && latest_ <= now)
        complete(now, out);
    else
        complete_if_all_came(now, out);
}

std::optional<tick_point> group::next_deadline() const {
    std::optional<tick_point> next;
    const auto at = [&](tick_point when) { next = next ? std::min(*next, when) : when; };
    for (const auto& [id, until] : pending_)
        at(until);
    bool somebody_must_sync = false;
    for (const auto& [id, m] : members_) {
        if (!m.joining && !m.syncing)
            at(m.session_end);
        somebody_must_sync = somebody_must_sync || !m.synced;
    }
    if (state_ == group_state::preparing_rebalance) {
        at(latest_);
        if (was_empty_)
            at(earliest_);
    } else if (state_ != group_state::empty && somebody_must_sync) {
        at(latest_);
    }
    return next;
}

} // namespace outbox::broker
