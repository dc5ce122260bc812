#include "outbox/consumer/consumer.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/base/log.hpp"
#include "outbox/base/wait_limit.hpp"
#include "outbox/consumer/call_queue.hpp"
#include "outbox/consumer/consumer_setup.hpp"
#include "outbox/consumer/handler_call.hpp"
#include "outbox/consumer/record_intake.hpp"
#include "outbox/consumer/record_marks.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace outbox {

namespace {

using std::chrono::milliseconds;

/// Nothing waits for this; it is how often figures for people are brought up to date.
constexpr milliseconds look_up{200};
constexpr std::size_t news_count_max = 1'000;
/// A broker that is away is waited for in rounds; a stop is heard between two of them.
constexpr milliseconds open_round_first{1'000};
constexpr milliseconds open_round_longest{5'000};

} // namespace

class consumer::impl {
public:
    impl(
        std::unique_ptr<record_source> from,
        consumer_options options,
        const clock& time,
        random_source& random
    )
        : source_(std::move(from))
        , options_(std::move(options))
        , clock_(&time)
        , random_(&random) {
        options_.check();
    }

    void run(std::size_t batch_count_max, const call& handle) {
        if (batch_count_max < 1 || batch_count_max > options_.prefetch_count_max)
            throw error{
                error_kind::invalid_argument,
                "batches of " + std::to_string(batch_count_max) + " messages",
                "1 to prefetch_count_max"};
        note_use();
        if (!open(settings_of(options_, batch_count_max)))
            return;
        const handlers threads{*this, handle};
        work();
    }

    std::vector<std::shared_ptr<work_item>> pull(std::size_t count_max, milliseconds wait) {
        start_pulling();
        std::vector<std::shared_ptr<work_item>> pulled;
        const auto until = clock_->ticks() + bounded_wait(wait);
        while (pulled.size() < count_max) {
            const auto left = std::chrono::ceil<milliseconds>(until - clock_->ticks());
            auto next = calls_.take(
                pulled.empty() ? std::max(left, milliseconds{0}) : milliseconds{0},
                [this] { return pulling_is_over(); }
            );
            if (!next)
                break;
            auto item = std::move(next->items.front());
            if (next->probes && !lets_pass(options_.gate)) {
                answer(item->ticket, gate_is_closed());
                continue;
            }
            pulled.push_back(std::move(item));
        }
        const std::lock_guard hold{mutex_};
        if (pulled.empty() && pull_failure_)
            std::rethrow_exception(pull_failure_);
        return pulled;
    }

    /// Of one that was pulled; `item` is let go.
    void settle(std::shared_ptr<work_item>&& item, outcome said) {
        const auto t = item->ticket;
        item.reset();
        excuse({&said, 1}, options_.gate);
        answer(t, std::move(said));
    }

    ~impl() {
        if (puller_.joinable()) {
            // What is not committed yet a stop takes back.
            if (options_.promise == consume_promise::at_most_once)
                calls_.abandon();
            request_stop();
            puller_.join();
        }
    }

    void request_stop() noexcept {
        stop_wanted_.store(true);
        source_->wake();
    }
    void set_paused(bool paused) noexcept {
        {
            const std::lock_guard hold{pause_mutex_}; // of two threads both wishes are one's
            calls_.set_held(paused);
            pause_wanted_.store(paused);
        }
        source_->wake();
    }

    consumer_stats stats() const {
        const std::lock_guard hold{mutex_};
        return stats_;
    }
    std::vector<partition_progress> progress() const {
        const std::lock_guard hold{mutex_};
        return progress_;
    }

private:
    struct home : record_home {
        std::int64_t committed = -1;
        bool lost = false;
    };

    /// The threads that call the handler, for as long as this lives.
    class handlers {
    public:
        handlers(impl& owner, const call& handle) : owner_(&owner) {
            try {
                for (std::size_t i = 0; i < owner.options_.handlers; ++i)
                    threads_.emplace_back([&owner, &handle] { owner.call_handler(handle); });
            } catch (...) {
                end();
                throw;
            }
        }
        ~handlers() { end(); }
        handlers(const handlers&) = delete;
        handlers& operator=(const handlers&) = delete;

    private:
        void end() {
            owner_->source_->close();
            owner_->calls_.close();
            for (auto& each : threads_)
                each.join();
        }

        impl* owner_;
        std::vector<std::thread> threads_;
    };

    void note_use() {
        if (std::exchange(used_, true))
            throw usage_error("a consumer runs, or is pulled from, once; make another one");
    }

    /// False: stopped before a broker was there.
    bool open(const consumer_settings& settings) {
        const auto what = subscription_of(options_, settings);
        const auto end = options_.start_patience
                             ? clock_->ticks() + bounded_wait(*options_.start_patience)
                             : tick_point::max();
        for (auto round = open_round_first; !stop_wanted_.load();
             round = std::min(2 * round, open_round_longest)) {
            const auto left = std::chrono::ceil<milliseconds>(end - clock_->ticks());
            try {
                source_->open(what, std::clamp(left, milliseconds{0}, round));
                machine_.emplace(settings, *random_);
                return true;
            } catch (const error& away) {
                if (away.kind() != error_kind::unreachable || clock_->ticks() >= end)
                    throw;
                if (round == open_round_first)
                    say(log_level::warning,
                        std::string{away.what()} + "; trying until it is there");
            }
        }
        source_->close();
        return false;
    }

    void start_pulling() {
        const std::lock_guard hold{pull_mutex_};
        if (puller_.joinable())
            return;
        note_use();
        auto settings = settings_of(options_, 1);
        settings.call_count_max = options_.prefetch_count_max; // whoever pulls decides
        puller_ = std::thread{[this, settings] {
            try {
                if (open(settings))
                    work();
            } catch (...) {
                const std::lock_guard hold_failure{mutex_};
                pull_failure_ = std::current_exception();
            }
            source_->close();
            calls_.close();
        }};
    }

    /// What is committed before it is handed out is seen here or never.
    bool pulling_is_over() const noexcept {
        return stop_wanted_.load() && options_.promise == consume_promise::at_least_once;
    }

    void answer(ticket t, outcome said) {
        if (calls_.answer({{.ticket = t, .said = std::move(said)}}))
            source_->wake();
    }

    // ---- the loop -----------------------------------------------------------------------------

    void work() {
        std::vector<source_event_type> news;
        std::vector<call_result> results;
        while (!finished_) {
            hear_wishes();
            const auto until = std::min(machine_->next_deadline(), clock_->ticks() + look_up);
            const auto timeout = std::chrono::ceil<milliseconds>(until - clock_->ticks());
            news.clear();
            const poll_limits limits{
                .count_max = std::min(news_count_max, machine_->room()),
                .bytes_max = machine_->room_bytes()};
            source_->poll(std::max(timeout, milliseconds{0}), limits, news);
            for (auto& each : news)
                std::visit([this](auto& e) { hear(e); }, each);
            results.clear();
            calls_.collect(results);
            for (auto& each : results)
                hear(each);
            tell(consumer_event::woken{});
            publish();
        }
    }

    /// Before any news, so that what was read after a pause is not handed out.
    void hear_wishes() {
        if (stop_wanted_.load() && !std::exchange(stop_told_, true)) {
            calls_.look_again();
            tell(consumer_event::stop_wanted{});
        }
        if (const bool paused = pause_wanted_.load(); paused != pause_told_) {
            pause_told_ = paused;
            if (paused)
                tell(consumer_event::paused{});
            else
                tell(consumer_event::resumed{});
        }
    }

    void tell(const consumer_event_type& event) {
        for (const auto& each : machine_->resume(clock_->ticks(), event))
            std::visit([this](const auto& a) { perform(a); }, each);
        if (withdrawn_.empty())
            return;
        for (const auto& each : calls_.withdraw(std::exchange(withdrawn_, {})))
            tell(each);
    }

    void hear(source_event::assigned& e) {
        auto& to = homes_[e.partition];
        to = {home_of({e.topic, e.number}, options_), e.committed};
        notify([&] {
            if (options_.on_assigned)
                options_.on_assigned(to.of);
        });
        if (!to.is_parking) // which is told with its partition
            tell(consumer_event::assigned{e.partition, e.parking});
    }

    void hear(source_event::caught_up& e) { tell(consumer_event::caught_up{e.parking}); }

    void hear(source_event::revoked& e) {
        const auto found = homes_.find(e.partition);
        if (found != homes_.end()) {
            found->second.lost = e.lost;
            if (e.lost)
                say(log_level::warning,
                    "lost " + name_of(found->second.of) +
                        " to another member, because the broker had not heard of this one in "
                        "time; what was handled and not committed comes again there");
        }
        tell(consumer_event::revoked{e.partition, e.lost});
    }

    void hear(source_event::fetched& e) {
        const auto found = homes_.find(e.partition);
        if (found == homes_.end())
            return;
        auto [item, event] = take_in(
            {.partition = e.partition, .ticket = ++last_ticket_, .from = &found->second},
            std::move(e.record),
            options_,
            *clock_
        );
        items_.emplace(item->ticket, std::move(item));
        tell(event);
    }

    void hear(source_event::sent& e) {
        const auto found = items_.find(e.ticket);
        if (found != items_.end() && e.trouble.empty() && found->second->to_dead_letters) {
            const auto& item = *found->second;
            say(log_level::warning,
                "gave up a message of " + name_of({item.at.topic, item.at.partition}) +
                    ", offset " + std::to_string(item.at.offset) +
                    "; it stands in the dead-letter topic, with its reason");
            notify([&] {
                if (options_.on_dead_letter && item.meaning)
                    options_.on_dead_letter(*item.meaning, item.reason);
            });
        }
        if (!e.trouble.empty())
            say_once(
                "a message that failed cannot be sent on and holds up the commit of its "
                "partition until it can: " +
                e.trouble
            );
        tell(consumer_event::sent_on{e.ticket, e.trouble.empty(), e.offset});
    }

    void hear(source_event::committed& e) {
        std::size_t fenced = 0;
        std::size_t refused = 0;
        for (const auto& [handle, result] : e.results) {
            fenced += result == consumer_event::commit_result::fenced ? 1 : 0;
            refused += result == consumer_event::commit_result::refused ||
                               result == consumer_event::commit_result::forgotten
                           ? 1
                           : 0;
            const auto to = homes_.find(handle);
            const auto offset = committing_.find(handle);
            if (result == consumer_event::commit_result::committed && to != homes_.end() &&
                offset != committing_.end())
                to->second.committed = offset->second;
        }
        if (fenced > 0)
            say(log_level::warning,
                "the commit of " + std::to_string(fenced) +
                    " partitions was refused, because another member has them: " + e.trouble +
                    ". What was handled since the last commit comes again there");
        else if (refused > 0)
            say_once(
                "a commit was refused while the group is joined again; nothing is handed out until "
                "that is settled: " +
                e.trouble
            );
        else if (!e.trouble.empty())
            say_once("a commit failed and is repeated: " + e.trouble);
        OUTBOX_FAULT("consumer.committed");
        tell(consumer_event::commit_answered{std::move(e.results)});
    }

    void hear(source_event::trouble& e) { say_once(e.text); }

    void hear(call_result& e) {
        const auto kind = e.said.kind();
        const bool failed = kind != outcome_kind::ack && kind != outcome_kind::defer &&
                            kind != outcome_kind::unavailable;
        if (const auto found = items_.find(e.ticket); found != items_.end() && failed) {
            found->second->reason = e.said.reason().substr(0, failure_reason_bytes_max);
            found->second->meaning->last_failure = found->second->reason;
        }
        if (kind == outcome_kind::unavailable)
            say_once(
                "waiting, because something that the handler needs is away: " + e.said.reason()
            );
        OUTBOX_FAULT("consumer.handled");
        tell(consumer_event::handled{e.ticket, std::move(e.said), e.ends_call});
    }

    // ---- what the machine wants ---------------------------------------------------------------

    void perform(const consumer_action::hand_out& a) {
        const auto& item = items_.at(a.ticket);
        item->meaning->attempt = a.attempt;
        call_.items.push_back(item);
        call_.probes = a.probes;
        if (a.ends_call)
            calls_.push(std::exchange(call_, {}));
    }

    void perform(const consumer_action::withdraw& a) { withdrawn_.insert(a.ticket); }

    void perform(const consumer_action::send_on& a) {
        auto& item = *items_.at(a.ticket);
        const bool dead = a.to == consumer_action::address::dead_letter;
        const auto now = ms_since_1970(clock_->now());
        record_marks marks{
            .attempts_made = a.attempts_made,
            .reason = item.reason,
            .group = options_.group.text(),
            .failed_at_ms = now,
            .origin = item.at,
            .origin_timestamp_ms = item.record.timestamp_ms,
        };
        std::optional<message_id> id;
        if (item.meaning) {
            id = item.meaning->id;
            marks.origin = item.meaning->origin;
            marks.origin_timestamp_ms = ms_since_1970(item.meaning->created_at);
        }
        const bool parked = a.to == consumer_action::address::parking;
        if (a.delay)
            item.retry_at_ms = now + a.delay->count();
        if (!dead && (!parked || a.delay))
            marks.retry_at_ms = item.retry_at_ms;
        item.to_dead_letters = dead;
        auto topic = dead     ? dead_letter_topic(marks.origin.topic, options_.group)
                     : parked ? parking_topic(marks.origin.topic, options_.group)
                              : retry_topic(options_.group, options_.retries.delays[a.step]);
        auto copy = mark(item.record, std::move(topic), marks, id);
        if (parked) {
            copy.partition = item.at.partition;
            copy.makes_topic = false;
        }
        source_->send(a.ticket, std::move(copy));
    }

    void perform(const consumer_action::commit& a) {
        for (const auto& [handle, offset] : a.offsets)
            committing_[handle] = offset;
        source_->commit(a.offsets);
    }
    void perform(const consumer_action::pause& a) { source_->pause(a.partition); }
    void perform(const consumer_action::resume& a) { source_->resume(a.partition); }
    void perform(const consumer_action::release& a) {
        if (const auto found = homes_.find(a.partition); found != homes_.end()) {
            notify([&] {
                if (options_.on_revoked)
                    options_.on_revoked(found->second.of, found->second.lost);
            });
            homes_.erase(found);
        }
        committing_.erase(a.partition);
        source_->release(a.partition);
    }
    void perform(const consumer_action::forget& a) { items_.erase(a.ticket); }
    void perform(const consumer_action::finished&) { finished_ = true; }

    // ---- the handlers' threads ----------------------------------------------------------------

    void call_handler(const call& handle) {
        std::vector<const delivery*> messages;
        std::vector<outcome> said;
        while (auto next = calls_.take()) {
            messages.clear();
            for (const auto& each : next->items)
                messages.push_back(&*each->meaning);
            call_safely(handle, options_, messages, next->probes, said);
            std::vector<call_result> results;
            results.reserve(messages.size());
            for (std::size_t i = 0; i < messages.size(); ++i)
                results.push_back(
                    {.ticket = next->items[i]->ticket,
                     .said = std::move(said[i]),
                     .ends_call = i + 1 == messages.size()}
                );
            next.reset(); // before the loop may change what is in it
            if (calls_.answer(std::move(results)))
                source_->wake();
        }
    }

    // ---- words and figures --------------------------------------------------------------------

    static std::string name_of(const consumed_partition& p) {
        return p.topic + "/" + std::to_string(p.partition);
    }
    void say(log_level level, const std::string& text) const {
        log(level, "consumer", "group " + options_.group.text() + ": " + text);
    }
    void say_once(const std::string& text) {
        const auto now = clock_->ticks();
        if (text == last_said_ && now < say_again_at_)
            return;
        last_said_ = text;
        say_again_at_ = now + std::chrono::minutes{1};
        say(log_level::warning, text);
    }
    template <class Callback>
    void notify(Callback&& callback) {
        try {
            callback();
        } catch (...) {
            say_once("a callback threw; that has no effect");
        }
    }

    void publish() {
        const std::lock_guard hold{mutex_};
        stats_ = {
            .counts = machine_->counts(),
            .prefetched = machine_->prefetched(),
            .in_hand = machine_->in_hand(),
            .waits_at_gate = machine_->waits_at_gate(),
        };
        const auto now = clock_->ticks();
        if (now < publish_at_)
            return;
        publish_at_ = now + look_up / 2;
        progress_.clear();
        for (const auto& [handle, each] : homes_)
            progress_.push_back(
                {.of = each.of, .committed = each.committed, .end = source_->ends(handle).last}
            );
    }

    std::unique_ptr<record_source> source_;
    consumer_options options_;
    const clock* clock_;
    random_source* random_;
    bool used_ = false;

    std::optional<consumer_machine> machine_;
    std::map<partition_handle, home> homes_;
    std::map<partition_handle, std::int64_t> committing_;
    std::unordered_map<ticket, std::shared_ptr<work_item>> items_;
    ticket last_ticket_ = 0;
    handler_call call_;
    std::unordered_set<ticket> withdrawn_;
    bool finished_ = false;
    bool stop_told_ = false;
    bool pause_told_ = false;
    std::string last_said_;
    tick_point say_again_at_{};
    tick_point publish_at_{};

    call_queue calls_;
    std::atomic<bool> stop_wanted_{false};
    std::atomic<bool> pause_wanted_{false};
    std::mutex pause_mutex_;
    std::mutex pull_mutex_;
    std::thread puller_;

    mutable std::mutex mutex_;
    std::exception_ptr pull_failure_;
    consumer_stats stats_;
    std::vector<partition_progress> progress_;
};

struct pulled_delivery::place {
    consumer::impl* of;
    std::shared_ptr<work_item> item;
};

consumer::consumer(
    std::unique_ptr<record_source> from,
    consumer_options options,
    const clock& time,
    random_source& random
)
    : impl_(std::make_unique<impl>(std::move(from), std::move(options), time, random)) {}
consumer::~consumer() = default;
consumer::consumer(consumer&&) noexcept = default;

void consumer::run_calls(std::size_t batch_count_max, call handle) {
    impl_->run(batch_count_max, handle);
}
std::vector<pulled_delivery> consumer::pull(std::size_t count_max, milliseconds wait) {
    std::vector<pulled_delivery> pulled;
    for (auto& item : impl_->pull(count_max, wait))
        pulled.push_back(pulled_delivery{std::make_unique<pulled_delivery::place>(
            pulled_delivery::place{impl_.get(), std::move(item)}
        )});
    return pulled;
}
void consumer::request_stop() noexcept {
    impl_->request_stop();
}
void consumer::pause() noexcept {
    impl_->set_paused(true);
}
void consumer::resume() noexcept {
    impl_->set_paused(false);
}
consumer_stats consumer::stats() const {
    return impl_->stats();
}
std::vector<partition_progress> consumer::progress() const {
    return impl_->progress();
}

pulled_delivery::pulled_delivery(std::unique_ptr<place> where) : where_(std::move(where)) {}
pulled_delivery::pulled_delivery(pulled_delivery&&) noexcept = default;

pulled_delivery::~pulled_delivery() {
    if (where_)
        settle(outcome::retry("let go without an outcome"));
}

const delivery* pulled_delivery::message() const {
    if (!where_)
        throw usage_error("a pulled_delivery was read after settle()");
    return &*where_->item->meaning;
}

void pulled_delivery::settle(outcome said) {
    if (!where_)
        throw usage_error("pulled_delivery::settle() was called before");
    const auto where = std::move(where_);
    where->of->settle(std::move(where->item), std::move(said));
}

} // namespace outbox
