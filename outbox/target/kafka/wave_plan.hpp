#pragma once
// Decides what of a wave is sent when, and what each answer means for the rest. Knows no network
// and no clock.
//
// Order by key, and how a poisoned message cannot break it:
//  - Messages of one key and one subject go to one partition, in order; the producer sends nothing
//  behind a gap. So a
//    round may hold all of them.
//  - When a key changes its subject, the partition changes, too, and partitions know nothing of
//  each other. Then what
//    follows waits for a later round. (Waves of one subject, or without keys, are one round and
//    cost nothing.)
//  - When a message is refused, what follows it under its key is not sent in this wave any more:
//  `unavailable`, behind it.
//  - A broker refuses whole batches. Who is meant is found out by sending the suspects again,
//  alone, one after another,
//    together with everything of their keys that is still open, in wave order.
//  - What was lost only because a refusal stopped the producer is sent again. Each such repetition
//  settles at least one
//    message, so they come to an end. What was lost without a refusal means that the target is
//    away: the wave is over.

#include "outbox/message/envelope.hpp"
#include "outbox/target/kafka/verdict.hpp"
#include "outbox/target/target.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace outbox::kafka {

class wave_plan {
public:
    enum class kind {
        /// Hand all of them over at once, in this order.
        send_together,
        /// One message; wait for its answer before anything else. It may be the poison: whoever
        /// sends it must survive it.
        send_alone,
        finished,
    };
    struct round {
        wave_plan::kind kind = kind::finished;
        /// Positions in the wave. Valid until the next call of next().
        std::span<const std::size_t> positions{};
    };

    /// Begins. `wave` stays as it is until the plan is finished.
    explicit wave_plan(std::span<const stored_message* const> wave);

    /// Precondition: everything in the last round has been answered or was not to be sent.
    round next();

    /// False: the message must not be sent any more, because it is behind a refused one; it has
    /// been settled.
    bool may_send(std::size_t position);

    /// One answer. `refused` settles the message whatever its round; see verdict for the rest.
    void answer(
        std::size_t position,
        verdict result,
        std::string_view reason,
        target_position where = {}
    );
    /// The message itself is at fault, beyond doubt; known before it was sent.
    void refuse(std::size_t position, std::string_view reason);
    /// What of the last round has no answer will get none: lost.
    void lose_unanswered(std::string_view reason);
    /// The wave is over: whatever is open is unavailable.
    void give_up(std::string_view reason);

    std::size_t open_count() const noexcept { return open_count_; }
    /// Suspects of a refused batch were all taken when they came alone: the batch was too large,
    /// not a message.
    bool batch_was_too_large() const noexcept { return batch_was_too_large_; }

    /// Moves the outcomes since the last call to the end of `to`.
    void take_outcomes(std::vector<delivery_outcome>& to);
    bool has_outcomes() const noexcept { return !outcomes_.empty(); }

private:
    enum class state : std::uint8_t { open, suspect, lost, settled };

    void plan_stages();
    void plan_careful_rounds(std::span<const std::size_t> stage);
    void
    settle(std::size_t position, fate result, std::string_view reason, target_position where = {});
    bool is_behind(std::size_t position) const;

    std::span<const stored_message* const> wave_;
    std::vector<state> states_;
    std::vector<std::vector<std::size_t>> stages_;
    std::size_t stage_ = 0;
    std::vector<std::size_t> round_;
    std::vector<std::size_t>
        alone_; // what is to be sent alone, in wave order; consumed from alone_next_
    std::size_t alone_next_ = 0;
    bool sent_ = false;             // the first round of this stage is behind us
    bool careful_ = false;          // the round is one message, sent alone
    bool refused_in_round_ = false; // since the last send_together
    bool refused_alone_ = false;    // since careful_ began
    bool batch_was_too_large_ = false;
    std::size_t open_count_ = 0;
    std::string lost_reason_;
    std::unordered_map<std::string_view, std::size_t>
        blocked_keys_; // and who blocks: the first refused
    std::vector<delivery_outcome> outcomes_;
};

} // namespace outbox::kafka
