#include "outbox/consumer/consumer_machine.hpp"

#include <algorithm>
#include <utility>

namespace outbox {

consumer_machine::consumer_machine(consumer_settings settings, random_source& random)
    : settings_(std::move(settings))
    , random_(&random)
    , gate_(
          settings_.gate_waits,
          random,
          settings_.begins_closed ? gate::start::closed : gate::start::open
      ) {}

const std::vector<consumer_action_type>&
consumer_machine::resume(tick_point now, const consumer_event_type& event) {
    actions_.clear();
    now_ = now;
    std::visit([this](const auto& e) { on(e); }, event);
    wake_due();
    if (leaving_ > 0)
        settle_leaving();
    hand_out();
    commit();
    check_limits();
    if (stopping_ && partitions_.empty() && !finished_) {
        finished_ = true;
        actions_.emplace_back(consumer_action::finished{});
    }
    return actions_;
}

// ---- what happened ----------------------------------------------------------------------------

void consumer_machine::on(const consumer_event::woken&) {}

void consumer_machine::on(const consumer_event::assigned& e) {
    auto& p = partitions_[e.partition];
    if (e.parking != 0) {
        p.parking = e.parking;
        p.recovering = true;
        ++p.holds;
        partitions_[e.parking];
        parking_[e.parking].of = e.partition;
    }
    if (!stopping_)
        return;
    drain(e.partition, p, now_);
    if (e.parking != 0)
        drain(e.parking, partitions_.at(e.parking), now_);
}

void consumer_machine::on(const consumer_event::caught_up& e) {
    const auto place = parking_.find(e.parking);
    const auto home =
        place == parking_.end() ? partitions_.end() : partitions_.find(place->second.of);
    if (home == partitions_.end() || !std::exchange(home->second.recovering, false))
        return;
    --home->second.holds;
    std::set<key_lanes::lane> waiting;
    for (const auto& [t, m] : messages_) {
        if (m.home == home->first && m.lane)
            waiting.insert(*m.lane);
    }
    for (const auto each : waiting)
        advance(each);
}

void consumer_machine::on(const consumer_event::revoked& e) {
    const auto found = partitions_.find(e.partition);
    if (found == partitions_.end()) { // left already, because we are stopping
        actions_.emplace_back(consumer_action::release{e.partition});
        return;
    }
    auto& p = found->second;
    if (e.lost || p.phase == phase::fenced)
        lose(e.partition, p);
    else
        drain(e.partition, p, now_ + settings_.revoke_patience);
}

void consumer_machine::on(const consumer_event::fetched& e) {
    const auto found = partitions_.find(e.partition);
    if (found == partitions_.end() || found->second.phase != phase::owned) {
        forget(e.ticket);
        return;
    }
    auto& p = found->second;
    ++counts_.fetched;
    take(e, p);
    if (const auto place = parking_.find(e.partition); place != parking_.end())
        came_back(place->second, e.offset);
}

void consumer_machine::take(const consumer_event::fetched& e, partition& p) {
    const bool parked = parking_.contains(e.partition);
    const auto number = p.window.add(e.offset);
    if (e.content == consumer_event::content::unwanted) {
        ++counts_.unwanted;
        p.window.finish(number);
        dirty_ = true;
        forget(e.ticket);
        return;
    }
    auto& m = messages_[e.ticket];
    m = {
        .home = e.partition,
        .number = number,
        .offset = e.offset,
        .bytes = e.bytes,
        .lane = settings_.ordered ? e.lane : std::nullopt,
        .attempt = e.attempt,
        .due = e.due,
    };
    ++p.unfinished;
    p.bytes += e.bytes;
    if (!parked) {
        ++unfinished_;
        bytes_ += e.bytes;
    }
    if (e.content == consumer_event::content::undecodable) {
        ++counts_.undecodable;
        m.lane.reset(); // its key may be what cannot be read
        send(
            m,
            {.ticket = e.ticket, .to = consumer_action::address::dead_letter, .attempts_made = 0}
        );
        return;
    }
    if (m.lane)
        lanes_.add(
            *m.lane,
            e.ticket,
            parked ? key_lanes::origin::parking : key_lanes::origin::partition
        );
    if (m.lane && parked) {
        make_ready(e.ticket, m);
        return;
    }
    if (settings_.at_most_once) {
        m.state = state::waiting_for_commit;
        m.passed_window = true;
        p.waiting_for_commit.push_back(e.ticket);
        p.window.finish(number);
        dirty_ = true;
        commit_at_ = now_;
        return;
    }
    if (e.held_until && *e.held_until > now_) {
        m.holds_partition = true;
        ++p.holds;
        wait_until(e.ticket, m, *e.held_until);
        return;
    }
    wait_is_over(e.ticket, m);
}

/// From a handler's thread. Null when it is of no interest any more.
consumer_machine::message* consumer_machine::back_from_hand(ticket t, bool ends_call) {
    --in_hand_;
    if (ends_call)
        --calls_out_;
    const auto found = messages_.find(t);
    return found == messages_.end() ? nullptr : &found->second;
}

void consumer_machine::on(const consumer_event::handled& e) {
    message* const back = back_from_hand(e.ticket, e.ends_call);
    if (back == nullptr)
        return;
    auto& m = *back;
    const bool away = e.result.kind() == outcome_kind::unavailable;
    if (away) {
        ++counts_.unavailable;
        gate_.heard_unavailable(now_, m.probes);
    } else
        gate_.heard_available(m.probes);
    m.probes = false;
    if (m.state == state::abandoned) {
        ++counts_.late_results;
        bury(e.ticket, m);
        return;
    }
    const auto& p = partitions_.at(m.home);
    switch (e.result.kind()) {
    case outcome_kind::ack:
        ++counts_.acked;
        finish(e.ticket, m);
        return;
    case outcome_kind::unavailable:
        if (p.phase != phase::owned) {
            drop(e.ticket, m);
            return;
        }
        m.state = state::ready;
        ready_.push_front(e.ticket);
        return;
    case outcome_kind::defer:
        ++counts_.deferred;
        if (p.phase != phase::owned) {
            drop(e.ticket, m);
            return;
        }
        wait_until(e.ticket, m, now_ + e.result.delay());
        return;
    case outcome_kind::dead_letter:
        ++counts_.failed;
        send(
            m,
            {.ticket = e.ticket,
             .to = consumer_action::address::dead_letter,
             .attempts_made = m.attempt}
        );
        return;
    case outcome_kind::retry:
    case outcome_kind::retry_after:
        ++counts_.failed;
        failed(e.ticket, m, e.result);
        return;
    }
}

void consumer_machine::on(const consumer_event::withdrawn& e) {
    message* const back = back_from_hand(e.ticket, e.ends_call);
    if (back == nullptr)
        return;
    auto& m = *back;
    if (std::exchange(m.probes, false))
        gate_.probe_withdrawn();
    if (m.state == state::abandoned) {
        bury(e.ticket, m);
        return;
    }
    const auto phase_now = partitions_.at(m.home).phase;
    const bool goes_on =
        phase_now == phase::owned || (settings_.at_most_once && phase_now == phase::draining);
    if (!goes_on) {
        drop(e.ticket, m);
        return;
    }
    m.state = state::ready;
    ready_.push_front(e.ticket);
}

void consumer_machine::failed(ticket t, message& m, const outcome& result) {
    if (settings_.at_most_once) {
        ++counts_.given_up;
        finish(t, m);
        return;
    }
    const auto wanted =
        result.kind() == outcome_kind::retry_after ? std::optional{result.delay()} : std::nullopt;
    auto decision = decide_retry(settings_.retries, m.attempt, wanted, settings_.place);
    if (decision.way == retry_way::park && !park(
                                               m,
                                               {.ticket = t,
                                                .to = consumer_action::address::parking,
                                                .delay = decision.delay,
                                                .attempts_made = m.attempt}
                                           ))
        decision.way = retry_way::in_place;
    switch (decision.way) {
    case retry_way::dead_letter:
        send(
            m,
            {.ticket = t, .to = consumer_action::address::dead_letter, .attempts_made = m.attempt}
        );
        return;
    case retry_way::topic:
        send(
            m,
            {.ticket = t,
             .to = consumer_action::address::retry,
             .step = decision.step,
             .delay = decision.delay,
             .attempts_made = m.attempt}
        );
        return;
    case retry_way::park:
        ++counts_.retried;
        return;
    case retry_way::in_place:
        if (partitions_.at(m.home).phase != phase::owned) {
            drop(t, m);
            return;
        }
        ++counts_.retried;
        ++m.attempt;
        wait_until(t, m, now_ + decision.delay);
        return;
    }
}

void consumer_machine::on(const consumer_event::sent_on& e) {
    const auto found = messages_.find(e.ticket);
    if (found == messages_.end() || found->second.state != state::sending)
        return;
    auto& m = found->second;
    const auto to = m.to_send.to;
    // Where a parked one stands must be known, or it would not be known when it has come back.
    if (e.taken && (to != consumer_action::address::parking || e.offset >= 0)) {
        if (to == consumer_action::address::parking) {
            ++counts_.parked;
            note_parked(m, e.offset);
        } else
            ++(to == consumer_action::address::retry ? counts_.retried : counts_.dead_lettered);
        finish(e.ticket, m);
        return;
    }
    m.state = state::send_failed;
    timers_.emplace(now_ + backoff(settings_.send_waits, ++m.send_failures, *random_), e.ticket);
}

void consumer_machine::on(const consumer_event::commit_answered& e) {
    commit_out_ = false;
    for (const auto& [handle, result] : e.results) {
        const auto found = partitions_.find(handle);
        if (found == partitions_.end())
            continue;
        auto& p = found->second;
        if (!p.committing)
            continue;
        const auto offset = *std::exchange(p.committing, std::nullopt);
        switch (result) {
        case consumer_event::commit_result::committed:
            for (auto& [any, each] : partitions_) // the group knows us, whatever it was before
                each.doubted = false;
            p.committed = offset;
            p.committed_count = p.committing_count;
            while (!p.waiting_for_commit.empty()) {
                const auto t = p.waiting_for_commit.front();
                auto& m = messages_.at(t);
                if (m.offset >= offset)
                    break;
                p.waiting_for_commit.pop_front();
                make_ready(t, m);
            }
            break;
        case consumer_event::commit_result::failed:
            p.committed.reset(); // not known
            break;
        case consumer_event::commit_result::refused:
        case consumer_event::commit_result::forgotten:
            p.committed.reset();
            doubt(p, result);
            break;
        case consumer_event::commit_result::fenced:
            ++counts_.fenced_commits;
            if (p.phase == phase::owned) // its revocation is on the way
                fence(handle, p);
            else
                lose(handle, p);
            break;
        }
    }
    dirty_ = true;
}

void consumer_machine::on(const consumer_event::paused&) {
    user_paused_ = true;
    withdraw_all();
}
void consumer_machine::on(const consumer_event::resumed&) {
    user_paused_ = false;
    dirty_ = true;
    commit_at_ = now_;
}

void consumer_machine::on(const consumer_event::stop_wanted&) {
    if (std::exchange(stopping_, true))
        return;
    for (auto& [handle, p] : partitions_)
        drain(handle, p, now_ + settings_.stop_patience);
}

void consumer_machine::withdraw_all() {
    for (const auto& [t, m] : messages_) {
        if (m.state == state::in_hand)
            actions_.emplace_back(consumer_action::withdraw{t});
    }
}

// ---- one message ------------------------------------------------------------------------------

void consumer_machine::wait_until(ticket t, message& m, tick_point when) {
    m.state = state::held;
    timers_.emplace(when, t);
}

void consumer_machine::make_ready(ticket t, message& m) {
    if (m.lane && !lanes_.is_active(*m.lane, t)) {
        m.state = state::behind;
        advance(*m.lane);
        return;
    }
    m.state = state::ready;
    ready_.push_back(t);
}

void consumer_machine::send(message& m, const consumer_action::send_on& what) {
    m.state = state::sending;
    m.to_send = what;
    actions_.emplace_back(what);
}

void consumer_machine::count_out(message& m, partition& home) {
    --home.unfinished;
    home.bytes -= m.bytes;
    if (!parking_.contains(m.home)) {
        --unfinished_;
        bytes_ -= m.bytes;
    }
    if (const auto place = parking_.find(home.parking); m.parks && place != parking_.end()) {
        --place->second.sends_out;
        place->second.sends_bytes -= m.bytes;
    }
    if (m.holds_partition) {
        m.holds_partition = false;
        --home.holds;
    }
}

void consumer_machine::forget(ticket t) {
    actions_.emplace_back(consumer_action::forget{t});
}

/// Done with it for good.
void consumer_machine::finish(ticket t, message& m) {
    auto& p = partitions_.at(m.home);
    if (!m.passed_window)
        p.window.finish(m.number);
    dirty_ = true;
    count_out(m, p);
    const auto home = m.home;
    forget(t);
    bury(t, m);
    if (const auto place = parking_.find(home); place != parking_.end()) {
        for (const auto each : std::exchange(place->second.short_of_room, {}))
            advance(each);
    }
}

/// Not done with it, but it is not ours any more.
void consumer_machine::drop(ticket t, message& m) {
    count_out(m, partitions_.at(m.home));
    forget(t);
    bury(t, m);
}

/// Forgotten already.
void consumer_machine::bury(ticket t, const message& m) {
    leave_lane(t, m);
    messages_.erase(t);
}

void consumer_machine::leave_lane(ticket t, const message& m) {
    if (!m.lane)
        return;
    const auto lane = *m.lane; // m may go
    lanes_.remove(lane, t);
    advance(lane);
}

/// What may happen now with the messages of a key.
void consumer_machine::advance(key_lanes::lane lane) {
    if (const auto t = lanes_.next(lane)) {
        auto& m = messages_.at(*t);
        if (m.state == state::behind && !partitions_.at(m.home).recovering) {
            lanes_.activate(lane, *t);
            if (m.due && *m.due > now_)
                wait_until(*t, m, *m.due);
            else
                make_ready(*t, m);
        }
    }
    if (const auto t = lanes_.follower(lane)) {
        auto& m = messages_.at(*t);
        if (m.state == state::behind)
            park(
                m,
                {.ticket = *t,
                 .to = consumer_action::address::parking,
                 .attempts_made = m.attempt - 1}
            );
    }
}

// ---- parked messages --------------------------------------------------------------------------

/// False: not possible, or no room; then it stays as it is.
bool consumer_machine::park(message& m, const consumer_action::send_on& what) {
    const auto& p = partitions_.at(m.home);
    const auto found = parking_.find(p.parking);
    if (settings_.place != retry_place::park_key || found == parking_.end() ||
        p.phase != phase::owned)
        return false;
    const auto& q = partitions_.at(p.parking);
    auto& place = found->second;
    const auto count = q.window.span() + place.on_way.size() + place.sends_out;
    const auto bytes = q.bytes + place.on_way_bytes + place.sends_bytes;
    if (count >= settings_.parked_count_max ||
        (count > 0 && bytes + m.bytes > settings_.parked_bytes_max)) {
        if (m.lane)
            place.short_of_room.insert(*m.lane);
        return false;
    }
    ++place.sends_out;
    place.sends_bytes += m.bytes;
    m.parks = true;
    send(m, what);
    return true;
}

/// The log has it. Until it is read back from there its key is known by this alone.
void consumer_machine::note_parked(const message& m, std::int64_t offset) {
    const auto found = parking_.find(partitions_.at(m.home).parking);
    if (found == parking_.end() || offset < found->second.read_to)
        return;
    found->second.on_way[offset] = {m.lane, m.bytes};
    found->second.on_way_bytes += m.bytes;
    if (m.lane)
        lanes_.awaits(*m.lane, offset);
}

void consumer_machine::came_back(parking_place& place, std::int64_t offset) {
    place.read_to = offset + 1;
    while (!place.on_way.empty() && place.on_way.begin()->first <= offset) {
        const auto [at, record] = *place.on_way.begin();
        place.on_way.erase(place.on_way.begin());
        place.on_way_bytes -= record.bytes;
        if (!record.lane)
            continue;
        lanes_.came_back(*record.lane, at);
        advance(*record.lane);
    }
}

} // namespace outbox
