#include "outbox/producer/post_office.hpp"

#include "outbox/base/log.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace outbox {
namespace {

post_answer answer_of(fate what) {
    switch (what) {
    case fate::delivered:
        return post_answer::delivered;
    case fate::rejected:
        return post_answer::rejected;
    case fate::unavailable:
        break;
    }
    return post_answer::unavailable;
}

std::size_t size_of(const envelope& e) {
    return e.payload.size() + e.headers.size() + (e.key ? e.key->size() : 0);
}

} // namespace

post_office::post_office(
    std::unique_ptr<target> to,
    database* rows,
    const post_tuning& tuning,
    teller tell,
    const clock& time,
    random_source& random
)
    : clock_(&time)
    , target_(std::move(to))
    , rows_(rows)
    , tell_(std::move(tell))
    , machine_(tuning, random)
    , thread_([this] { run(); }) {}

post_office::~post_office() {
    stop(std::chrono::milliseconds{0});
}

bool post_office::offer(
    envelope& content,
    watcher& who,
    durability kind,
    std::chrono::milliseconds deadline,
    std::chrono::milliseconds room_wait
) {
    const tick_point due = clock_->ticks() + deadline;
    const std::size_t size = size_of(content);
    auto message = std::make_shared<stored_message>();
    message->created_at = clock_->now();
    std::unique_lock lock{mutex_};
    room_changed_.wait_for(lock, room_wait, [&] { return stopping_ || machine_.has_room(); });
    const auto ticket = stopping_ ? std::nullopt : machine_.offer(kind, size, due);
    if (!ticket)
        return false;
    message->content = std::move(content);
    items_.emplace(*ticket, item{.message = std::move(message), .who = std::move(who)});
    // Behind a wave it waits anyway; only its deadline must not be slept through.
    if (!in_target_ || due < asleep_until_)
        wake();
    return true;
}

// Under the lock.
void post_office::wake() {
    woken_ = true;
    if (in_target_)
        target_->wake();
    else
        woken_changed_.notify_one();
}

void post_office::run() {
    post_event_type event = post_event::woken{};
    while (true) {
        post_action_type action;
        std::vector<settled_fate> settled;
        std::string unheard;
        {
            const std::lock_guard lock{mutex_};
            const tick_point now = clock_->ticks();
            action = machine_.resume(now, event);
            settled = take_settled(unheard);
            woken_ = false;
            if (const auto* a = std::get_if<post_action::await_target>(&action)) {
                in_target_ = true;
                asleep_until_ = now + a->timeout;
            } else {
                in_target_ = false;
            }
            if (machine_.has_room())
                room_changed_.notify_all();
        }
        if (!unheard.empty())
            log(log_level::error, "producer", unheard);
        if (!settled.empty())
            tell_(std::move(settled));
        if (std::holds_alternative<post_action::stop>(action))
            return;
        event = std::visit([this](const auto& a) { return act(a); }, action);
    }
}

// Under the lock. `unheard`: what to log of messages that nobody listens for.
std::vector<settled_fate> post_office::take_settled(std::string& unheard) {
    std::vector<settled_post> ended;
    machine_.take_settled(ended);
    std::vector<settled_fate> all;
    std::size_t unheard_count = 0;
    for (settled_post& end : ended) {
        const auto at = items_.find(end.ticket);
        const envelope& content = at->second.message->content;
        const bool failed = end.fate == send_fate::rejected || end.fate == send_fate::lost;
        if (!at->second.who.empty()) {
            all.push_back(
                {.who = std::move(at->second.who),
                 .report =
                     {.id = content.id,
                      .subject = content.subject,
                      .attempts = end.attempts,
                      .fate = end.fate,
                      .error = std::move(end.reason),
                      .position = end.position}}
            );
        } else if (failed && ++unheard_count == 1) {
            unheard = content.id.text() + " to " + content.subject + " is " + to_string(end.fate) +
                      ": " + end.reason;
        }
        items_.erase(at);
    }
    if (unheard_count > 0)
        unheard = std::to_string(unheard_count) +
                  " posted messages ended badly and nobody listens for them; message " + unheard;
    return all;
}

post_event_type post_office::act(const post_action::send& a) {
    wave_.clear();
    wave_messages_.clear();
    {
        const std::lock_guard lock{mutex_};
        for (const post_ticket ticket : a.wave)
            wave_messages_.push_back(items_.at(ticket).message);
    }
    for (const auto& message : wave_messages_)
        wave_.push_back(message.get());
    wave_tickets_ = a.wave;
    answered_.assign(wave_.size(), false);
    outstanding_ = wave_.size();
    try {
        target_->deliver(wave_);
    } catch (const std::exception& e) {
        return lose_wave(e.what());
    }
    return collect(std::chrono::milliseconds{0});
}

post_event_type post_office::act(const post_action::await_target& a) {
    return collect(a.timeout);
}

post_event_type post_office::act(const post_action::cancel_wave&) {
    target_->cancel();
    return collect(std::chrono::milliseconds{0});
}

post_event_type post_office::collect(std::chrono::milliseconds timeout) {
    outcomes_.clear();
    try {
        target_->await(timeout, outcomes_);
    } catch (const std::exception& e) {
        return lose_wave(e.what());
    }
    post_event::wave_news news;
    for (delivery_outcome& outcome : outcomes_) {
        answered_[outcome.index] = true;
        --outstanding_;
        news.answers.push_back(
            {.ticket = wave_tickets_[outcome.index],
             .what = answer_of(outcome.fate),
             .reason = std::move(outcome.reason),
             .position = outcome.position}
        );
    }
    news.complete = outstanding_ == 0;
    return news;
}

// The target itself is at fault. Its wave stays in memory until the next one: who knows what it
// still holds.
post_event_type post_office::lose_wave(const std::string& why) {
    post_event::wave_news news;
    for (std::size_t i = 0; i < wave_tickets_.size(); ++i) {
        if (!answered_[i])
            news.answers.push_back(
                {.ticket = wave_tickets_[i],
                 .what = post_answer::unavailable,
                 .reason = why,
                 .position = {}}
            );
    }
    outstanding_ = 0;
    news.complete = true;
    return news;
}

post_event_type post_office::act(const post_action::store& a) {
    std::vector<envelope> rows;
    {
        const std::lock_guard lock{mutex_};
        for (const post_ticket ticket : a.rows)
            rows.push_back(items_.at(ticket).message->content);
    }
    try {
        rows_->send(rows);
        trouble_.clear();
        return post_event::stored{.done = true, .reason = {}};
    } catch (const std::exception& e) {
        if (std::exchange(trouble_, e.what()) != e.what())
            log(log_level::warning,
                "producer",
                std::string{"messages that could not be sent cannot be stored either, and are kept "
                            "in memory: "} +
                    e.what());
        return post_event::stored{.done = false, .reason = e.what()};
    }
}

post_event_type post_office::act(const post_action::wait& a) {
    std::unique_lock lock{mutex_};
    woken_changed_.wait_for(lock, a.timeout, [&] { return woken_; });
    return post_event::woken{};
}

post_event_type post_office::act(const post_action::stop&) {
    return post_event::woken{};
}

void post_office::stop(std::chrono::milliseconds patience) {
    if (!thread_.joinable())
        return;
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        machine_.request_stop(clock_->ticks() + patience);
        room_changed_.notify_all();
        wake();
    }
    thread_.join();
}

} // namespace outbox
