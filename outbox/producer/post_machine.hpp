#pragma once
// The decisions about messages that are sent straight to the target: what goes into the next wave,
// what is tried again and when, what becomes a row, what is lost, and when nothing is left to do.
// It takes an event and returns what to do next; it knows no target, no database, no thread and no
// clock. The loop around it (post_office.hpp) carries it out, one action at a time.
//
// What it keeps true, whatever the events:
//   - each message that was taken ends exactly once, in settled();
//   - a message for store_on_failure ends as `delivered` or `rejected` because the target said so,
//     as `left_to_watchdog` because its row was written, or as `lost` because the producer was
//     stopped while neither was to be had; never otherwise;
//   - one wave is out at a time and holds its messages until the target has answered for all of
//     them, whatever their deadlines; what failed goes before what came later, so that messages of
//     one key keep their order;
//   - it holds at most `messages_max` messages and `bytes_max` bytes, those in a wave included.

#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "outbox/message/delivery_report.hpp"
#include "outbox/producer/post_options.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace outbox {

/// Who a message is inside of the machine.
using post_ticket = std::uint64_t;

/// What the target says of one message of the wave; as `fate` in target.hpp.
enum class post_answer { delivered, unavailable, rejected };

// What happened.
namespace post_event {
struct woken {}; // time passed, something was offered, or nothing at all
struct wave_news {
    struct answer {
        post_ticket ticket = 0;
        post_answer what = post_answer::unavailable;
        std::string reason{};
        target_position position{};
    };
    std::vector<answer> answers{};
    /// No answer of the wave is missing any more.
    bool complete = false;
};
struct stored {
    /// False: it was not written, or nobody knows.
    bool done = false;
    std::string reason{};
};
} // namespace post_event

using post_event_type = std::variant<post_event::woken, post_event::wave_news, post_event::stored>;

// What to do now. Every action is answered by exactly one event.
namespace post_action {
struct send { // answered by wave_news
    std::vector<post_ticket> wave{};
};
struct await_target { // answered by wave_news
    std::chrono::milliseconds timeout{};
};
struct cancel_wave {}; // answered by wave_news; the rest is answered soon
struct store {         // write rows for these, in this order; answered by stored
    std::vector<post_ticket> rows{};
};
struct wait { // until time passes or something is offered
    std::chrono::milliseconds timeout{};
};
struct stop {}; // there is nothing more to do, ever
} // namespace post_action

using post_action_type = std::variant<
    post_action::send,
    post_action::await_target,
    post_action::cancel_wave,
    post_action::store,
    post_action::wait,
    post_action::stop>;

/// The end of one message.
struct settled_post {
    post_ticket ticket = 0;
    send_fate fate = send_fate::lost;
    std::uint32_t attempts = 0;
    std::string reason{};
    target_position position{};
};

class post_machine {
public:
    post_machine(const post_tuning& tuning, random_source& random);

    /// Takes a message in charge; nothing when it is full or stopping. `kind` is one of
    /// store_on_failure, in_memory and best_effort.
    std::optional<post_ticket> offer(durability kind, std::size_t size, tick_point deadline);

    post_action_type resume(tick_point now, const post_event_type& event);

    /// What has ended since the last call, to the end of `to`.
    void take_settled(std::vector<settled_post>& to);

    /// From now on nothing is taken, and at `by` what is left is given up: rows are written once
    /// more for those that may have one, the rest is lost. Not an event: it answers no action.
    void request_stop(tick_point by);

    bool has_room() const noexcept;
    std::size_t size() const noexcept { return entries_.size(); }

private:
    enum class place { queued, in_wave, to_store, being_stored };
    struct entry {
        durability kind = durability::best_effort;
        std::size_t bytes = 0;
        tick_point deadline{};
        std::uint32_t attempts = 0;
        place where = place::queued;
        bool held_by_wave = false; // its bytes are, whatever else becomes of it
        std::string reason{};      // why it is not delivered yet
    };

    void on(tick_point now, const post_event::woken& e);
    void on(tick_point now, const post_event::wave_news& e);
    void on(tick_point now, const post_event::stored& e);

    void expire(tick_point now);
    void give_up_all();
    void give_up_rows(const std::string& reason);
    void wave_is_over(tick_point now);
    void to_store(post_ticket ticket, entry& of, std::string reason);
    void settle(post_ticket ticket, send_fate fate, std::string reason, target_position where = {});
    bool wave_is_wanted() const;
    post_action_type decide(tick_point now);
    post_action::send next_wave();
    std::deque<post_ticket>* next_queue();
    std::chrono::milliseconds until_next(tick_point now) const;

    const post_tuning tuning_;
    random_source* random_;
    post_ticket last_ticket_ = 0;
    std::unordered_map<post_ticket, entry> entries_;
    std::size_t bytes_ = 0;      // of entries_ and of the wave
    std::size_t wave_bytes_ = 0; // of the wave's messages that have ended already
    std::size_t wave_ended_ = 0;
    std::set<std::pair<tick_point, post_ticket>> deadlines_; // of what is queued or in the wave

    std::deque<post_ticket> queue_;    // in_memory and best_effort
    std::deque<post_ticket> storable_; // store_on_failure; has no order to keep with the others
    std::vector<post_ticket> wave_;    // in the order it was sent; empty when none is out
    bool cancelled_ = false;
    bool wave_failed_ = false;
    int target_failures_ = 0;
    tick_point send_at_{};

    std::deque<post_ticket> to_store_;
    std::vector<post_ticket> being_stored_;
    int store_failures_ = 0;
    tick_point store_at_{};

    std::optional<tick_point> stop_by_;
    bool given_up_ = false;
    std::vector<settled_post> settled_;
};

} // namespace outbox
