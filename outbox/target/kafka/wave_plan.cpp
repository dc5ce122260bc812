#include "outbox/target/kafka/wave_plan.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

namespace outbox::kafka {

namespace {

constexpr std::string_view behind_reason = "behind a rejected message of its key";

} // namespace

wave_plan::wave_plan(std::span<const stored_message* const> wave)
    : wave_(wave)
    , states_(wave.size(), state::open)
    , open_count_(wave.size()) {
    plan_stages();
}

void wave_plan::plan_stages() {
    const std::string* subject = nullptr;
    bool one_subject = true;
    for (const auto* message : wave_) {
        if (!message->content.key)
            continue;
        if (subject == nullptr)
            subject = &message->content.subject;
        else if (*subject != message->content.subject) {
            one_subject = false;
            break;
        }
    }
    if (one_subject) {
        stages_.resize(1);
        stages_[0].resize(wave_.size());
        std::iota(stages_[0].begin(), stages_[0].end(), std::size_t{0});
        return;
    }
    struct place {
        std::string_view subject;
        std::size_t stage;
    };
    std::unordered_map<std::string_view, place> last_of_key;
    last_of_key.reserve(wave_.size());
    for (std::size_t position = 0; position < wave_.size(); ++position) {
        const auto& content = wave_[position]->content;
        std::size_t stage = 0;
        if (content.key) {
            auto [found, fresh] = last_of_key.try_emplace(*content.key, place{content.subject, 0});
            if (!fresh && found->second.subject != content.subject)
                found->second = {content.subject, found->second.stage + 1};
            stage = found->second.stage;
        }
        if (stages_.size() <= stage)
            stages_.resize(stage + 1);
        stages_[stage].push_back(position);
    }
}

wave_plan::round wave_plan::next() {
    if (careful_ && alone_next_ == alone_.size() && alone_.size() > 1 && !refused_alone_ &&
        lost_reason_.empty())
        batch_was_too_large_ = true;
    while (open_count_ > 0 && stage_ < stages_.size()) {
        if (careful_) {
            if (!lost_reason_.empty()) { // even alone: the target is away
                give_up(lost_reason_);
                break;
            }
            while (alone_next_ < alone_.size()) {
                const auto position = alone_[alone_next_++];
                states_[position] = state::open;
                if (!may_send(position))
                    continue;
                round_.assign(1, position);
                return {kind::send_alone, round_};
            }
            careful_ = false;
        }
        const auto& stage = stages_[stage_];
        const auto count_of = [&](state wanted) {
            return std::count_if(stage.begin(), stage.end(), [&](std::size_t p) {
                return states_[p] == wanted;
            });
        };
        if (sent_ && count_of(state::suspect) > 0) {
            plan_careful_rounds(stage);
            continue;
        }
        if (sent_ && !refused_in_round_ && count_of(state::lost) > 0) {
            give_up(lost_reason_);
            break;
        }
        refused_in_round_ = false;
        lost_reason_.clear();
        round_.clear();
        for (const auto position : stage) {
            if (states_[position] == state::settled)
                continue;
            states_[position] = state::open;
            if (may_send(position))
                round_.push_back(position);
        }
        sent_ = !round_.empty();
        if (sent_)
            return {kind::send_together, round_};
        ++stage_;
    }
    return {};
}

void wave_plan::plan_careful_rounds(std::span<const std::size_t> stage) {
    std::unordered_set<std::string_view> keys;
    for (const auto position : stage) {
        if (states_[position] == state::suspect && wave_[position]->content.key)
            keys.insert(*wave_[position]->content.key);
    }
    alone_.clear();
    alone_next_ = 0;
    for (const auto position : stage) {
        if (states_[position] == state::settled)
            continue;
        const auto& key = wave_[position]->content.key;
        if (states_[position] == state::suspect || (key && keys.contains(*key)))
            alone_.push_back(position);
    }
    careful_ = true;
    refused_alone_ = false;
    lost_reason_.clear();
}

bool wave_plan::is_behind(std::size_t position) const {
    if (blocked_keys_.empty() || !wave_[position]->content.key)
        return false;
    const auto found = blocked_keys_.find(*wave_[position]->content.key);
    return found != blocked_keys_.end() && found->second < position;
}

bool wave_plan::may_send(std::size_t position) {
    if (!is_behind(position))
        return true;
    settle(position, fate::unavailable, behind_reason);
    return false;
}

void wave_plan::answer(
    std::size_t position,
    verdict result,
    std::string_view reason,
    target_position where
) {
    if (states_[position] == state::settled)
        return;
    switch (result) {
    case verdict::delivered:
        settle(position, fate::delivered, {}, where);
        return;
    case verdict::lost:
        states_[position] = state::lost;
        if (lost_reason_.empty())
            lost_reason_ = reason.empty() ? "lost" : reason;
        return;
    case verdict::content_refused:
        if (!careful_) {
            states_[position] = state::suspect;
            refused_in_round_ = true;
            return;
        }
        [[fallthrough]];
    case verdict::address_refused:
        refuse(position, reason);
        return;
    }
}

void wave_plan::refuse(std::size_t position, std::string_view reason) {
    refused_in_round_ = true;
    refused_alone_ = true;
    if (const auto& key = wave_[position]->content.key) {
        auto [found, fresh] = blocked_keys_.try_emplace(*key, position);
        found->second = std::min(found->second, position);
    }
    settle(position, fate::rejected, reason);
}

void wave_plan::lose_unanswered(std::string_view reason) {
    for (const auto position : round_) {
        if (states_[position] == state::open)
            answer(position, verdict::lost, reason);
    }
}

void wave_plan::give_up(std::string_view reason) {
    const std::string text{reason}; // may be a view of lost_reason_
    for (std::size_t position = 0; position < states_.size(); ++position) {
        if (states_[position] != state::settled)
            settle(
                position,
                fate::unavailable,
                is_behind(position) ? behind_reason : std::string_view{text}
            );
    }
    stage_ = stages_.size();
    careful_ = false;
}

void wave_plan::settle(
    std::size_t position,
    fate result,
    std::string_view reason,
    target_position where
) {
    states_[position] = state::settled;
    --open_count_;
    outcomes_.push_back(
        {.index = position, .fate = result, .reason = std::string{reason}, .position = where}
    );
}

void wave_plan::take_outcomes(std::vector<delivery_outcome>& to) {
    if (to.empty())
        to.swap(outcomes_);
    else
        to.insert(
            to.end(),
            std::make_move_iterator(outcomes_.begin()),
            std::make_move_iterator(outcomes_.end())
        );
    outcomes_.clear();
}

} // namespace outbox::kafka
