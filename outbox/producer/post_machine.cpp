#include "outbox/producer/post_machine.hpp"

#include <algorithm>
#include <limits>

namespace outbox {
namespace {

constexpr std::chrono::milliseconds wait_longest{60'000};

constexpr const char* too_late = "no answer from the target within the deadline";
constexpr const char* stopped = "the producer was stopped before it was delivered";

} // namespace

const char* to_string(durability kind) noexcept {
    switch (kind) {
    case durability::transactional:
        return "transactional";
    case durability::persistent:
        return "persistent";
    case durability::store_on_failure:
        return "store_on_failure";
    case durability::in_memory:
        return "in_memory";
    case durability::best_effort:
        return "best_effort";
    }
    return "unknown";
}

post_machine::post_machine(const post_tuning& tuning, random_source& random)
    : tuning_(tuning)
    , random_(&random) {}

bool post_machine::has_room() const noexcept {
    return entries_.size() + wave_ended_ < tuning_.messages_max && bytes_ < tuning_.bytes_max;
}

std::optional<post_ticket>
post_machine::offer(durability kind, std::size_t size, tick_point deadline) {
    if (!has_room() || stop_by_)
        return std::nullopt;
    // Tickets of what ended in the queue; they would pile up behind a wave that takes long.
    for (auto* queue : {&queue_, &storable_}) {
        if (queue->size() > 2 * tuning_.messages_max)
            std::erase_if(*queue, [&](post_ticket t) {
                const auto found = entries_.find(t);
                return found == entries_.end() || found->second.where != place::queued;
            });
    }
    const post_ticket ticket = ++last_ticket_;
    entries_.emplace(ticket, entry{.kind = kind, .bytes = size, .deadline = deadline});
    bytes_ += size;
    deadlines_.insert({deadline, ticket});
    (kind == durability::store_on_failure ? storable_ : queue_).push_back(ticket);
    return ticket;
}

void post_machine::take_settled(std::vector<settled_post>& to) {
    to.insert(
        to.end(),
        std::make_move_iterator(settled_.begin()),
        std::make_move_iterator(settled_.end())
    );
    settled_.clear();
}

void post_machine::request_stop(tick_point by) {
    if (!stop_by_)
        stop_by_ = by;
}

post_action_type post_machine::resume(tick_point now, const post_event_type& event) {
    std::visit([&](const auto& e) { on(now, e); }, event);
    expire(now);
    return decide(now);
}

void post_machine::on(tick_point, const post_event::woken&) {}

void post_machine::on(tick_point now, const post_event::wave_news& e) {
    for (const auto& answer : e.answers) {
        const auto found = entries_.find(answer.ticket);
        if (found == entries_.end()) { // ended at its deadline
            wave_failed_ = wave_failed_ || answer.what == post_answer::unavailable;
            continue;
        }
        switch (answer.what) {
        case post_answer::delivered: // also when it waits to become a row: that is spared
            settle(answer.ticket, send_fate::delivered, {}, answer.position);
            break;
        case post_answer::rejected:
            settle(answer.ticket, send_fate::rejected, answer.reason);
            break;
        case post_answer::unavailable:
            wave_failed_ = true;
            found->second.reason = answer.reason;
            break; // wave_is_over() decides, for all of them in their order
        }
    }
    if (e.complete)
        wave_is_over(now);
}

void post_machine::wave_is_over(tick_point now) {
    std::vector<post_ticket> again;
    for (const post_ticket ticket : std::exchange(wave_, {})) {
        const auto found = entries_.find(ticket);
        if (found == entries_.end())
            continue;
        entry& of = found->second;
        of.held_by_wave = false;
        if (of.where != place::in_wave)
            continue;
        switch (of.kind) {
        case durability::store_on_failure:
            to_store(ticket, of, of.reason);
            break;
        case durability::in_memory:
            of.where = place::queued;
            again.push_back(ticket);
            break;
        default:
            settle(ticket, send_fate::lost, of.reason);
            break;
        }
    }
    queue_.insert(queue_.begin(), again.begin(), again.end());
    bytes_ -= std::exchange(wave_bytes_, 0);
    wave_ended_ = 0;
    cancelled_ = false;
    if (std::exchange(wave_failed_, false)) {
        send_at_ = now + backoff(tuning_.target_backoff, ++target_failures_, *random_);
    } else {
        target_failures_ = 0;
        send_at_ = now;
    }
}

void post_machine::on(tick_point now, const post_event::stored& e) {
    const std::vector<post_ticket> rows = std::exchange(being_stored_, {});
    if (e.done) {
        store_failures_ = 0;
        for (const post_ticket ticket : rows)
            settle(ticket, send_fate::left_to_watchdog, entries_.at(ticket).reason);
        return;
    }
    store_at_ = now + backoff(tuning_.store_backoff, ++store_failures_, *random_);
    for (const post_ticket ticket : rows)
        entries_.at(ticket).where = place::to_store;
    to_store_.insert(to_store_.begin(), rows.begin(), rows.end());
    if (given_up_) {
        if (store_failures_ > 1)
            give_up_rows(e.reason);
        store_at_ = now;
    }
}

// The last chance to write them is over.
void post_machine::give_up_rows(const std::string& reason) {
    for (const post_ticket ticket : std::exchange(to_store_, {})) {
        if (const auto found = entries_.find(ticket); found != entries_.end())
            settle(
                ticket,
                send_fate::lost,
                found->second.reason + "; and its row could not be written: " + reason
            );
    }
}

void post_machine::expire(tick_point now) {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        const post_ticket ticket = deadlines_.begin()->second;
        entry& of = entries_.at(ticket);
        const std::string why = of.reason.empty() ? too_late : too_late + (": " + of.reason);
        if (of.kind == durability::store_on_failure)
            to_store(ticket, of, why);
        else
            settle(ticket, send_fate::lost, why);
    }
    if (stop_by_ && now >= *stop_by_ && !given_up_)
        give_up_all();
}

void post_machine::give_up_all() {
    given_up_ = true;
    store_at_ = {};
    store_failures_ = 0;
    std::vector<post_ticket> all;
    for (const auto& [deadline, ticket] : deadlines_)
        all.push_back(ticket);
    std::sort(all.begin(), all.end());
    for (const post_ticket ticket : all) {
        entry& of = entries_.at(ticket);
        if (of.kind == durability::store_on_failure)
            to_store(ticket, of, stopped);
        else
            settle(ticket, send_fate::lost, stopped);
    }
}

void post_machine::to_store(post_ticket ticket, entry& of, std::string reason) {
    deadlines_.erase({of.deadline, ticket});
    of.where = place::to_store;
    of.reason = std::move(reason);
    to_store_.push_back(ticket);
}

void post_machine::settle(
    post_ticket ticket,
    send_fate fate,
    std::string reason,
    target_position where
) {
    const auto at = entries_.find(ticket);
    deadlines_.erase({at->second.deadline, ticket});
    if (at->second.held_by_wave) {
        wave_bytes_ += at->second.bytes;
        ++wave_ended_;
    } else {
        bytes_ -= at->second.bytes;
    }
    settled_.push_back(
        {.ticket = ticket,
         .fate = fate,
         .attempts = at->second.attempts,
         .reason = std::move(reason),
         .position = where}
    );
    entries_.erase(at); // the queues skip what is not there any more
}

bool post_machine::wave_is_wanted() const {
    return std::any_of(wave_.begin(), wave_.end(), [&](post_ticket ticket) {
        const auto found = entries_.find(ticket);
        return found != entries_.end() && found->second.where == place::in_wave;
    });
}

post_action_type post_machine::decide(tick_point now) {
    // Nobody waits for the rest of this wave, and it keeps others waiting.
    if (!wave_.empty() && !cancelled_ && !wave_is_wanted()) {
        cancelled_ = true;
        return post_action::cancel_wave{};
    }

    // While the target is away, what may become a row does so now and not at its deadline.
    if (wave_.empty() && now < send_at_) {
        for (const post_ticket ticket : std::exchange(storable_, {})) {
            if (const auto found = entries_.find(ticket);
                found != entries_.end() && found->second.where == place::queued)
                to_store(ticket, found->second, "the target does not take messages now");
        }
    }

    while (!to_store_.empty() && !entries_.contains(to_store_.front()))
        to_store_.pop_front();
    if (!to_store_.empty() && now >= store_at_) {
        post_action::store rows;
        while (!to_store_.empty() && rows.rows.size() < tuning_.store_messages_max) {
            const post_ticket ticket = to_store_.front();
            to_store_.pop_front();
            const auto found = entries_.find(ticket);
            if (found == entries_.end())
                continue;
            found->second.where = place::being_stored;
            rows.rows.push_back(ticket);
        }
        being_stored_ = rows.rows;
        return rows;
    }

    if (!wave_.empty())
        return post_action::await_target{until_next(now)};
    if (now >= send_at_) {
        if (post_action::send wave = next_wave(); !wave.wave.empty())
            return wave;
    }
    if (stop_by_ && entries_.empty())
        return post_action::stop{};
    return post_action::wait{until_next(now)};
}

// The one whose first message is older; null when both are empty. What has left them is dropped.
std::deque<post_ticket>* post_machine::next_queue() {
    for (auto* queue : {&queue_, &storable_}) {
        while (!queue->empty()) {
            const auto found = entries_.find(queue->front());
            if (found != entries_.end() && found->second.where == place::queued)
                break;
            queue->pop_front();
        }
    }
    if (queue_.empty() && storable_.empty())
        return nullptr;
    if (queue_.empty() || (!storable_.empty() && storable_.front() < queue_.front()))
        return &storable_;
    return &queue_;
}

post_action::send post_machine::next_wave() {
    post_action::send made;
    std::size_t wave_size = 0;
    while (made.wave.size() < tuning_.wave_messages_max) {
        auto* const queue = next_queue();
        if (queue == nullptr)
            break;
        const post_ticket ticket = queue->front();
        entry& of = entries_.at(ticket);
        if (!made.wave.empty() && wave_size + of.bytes > tuning_.wave_bytes_max)
            break;
        queue->pop_front();
        wave_size += of.bytes;
        of.where = place::in_wave;
        of.held_by_wave = true;
        ++of.attempts;
        made.wave.push_back(ticket);
    }
    wave_ = made.wave;
    return made;
}

std::chrono::milliseconds post_machine::until_next(tick_point now) const {
    tick_point then = now + wait_longest;
    if (!deadlines_.empty())
        then = std::min(then, deadlines_.begin()->first);
    if (!to_store_.empty())
        then = std::min(then, store_at_);
    if (wave_.empty() && !(queue_.empty() && storable_.empty()))
        then = std::min(then, send_at_);
    if (stop_by_ && !given_up_)
        then = std::min(then, *stop_by_);
    return std::chrono::ceil<std::chrono::milliseconds>(
        std::max(then - now, tick_point::duration::zero())
    );
}

} // namespace outbox
