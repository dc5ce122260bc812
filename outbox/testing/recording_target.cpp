#include "outbox/testing/recording_target.hpp"

#include "outbox/base/error.hpp"

#include <algorithm>
#include <utility>

namespace outbox::testing {

std::vector<recording::arrival> recording::arrivals() const {
    const std::lock_guard lock{mutex_};
    return arrivals_;
}

bool recording::await_count(std::size_t count, std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [&] { return arrivals_.size() >= count; });
}

void recording::be_away(bool away) {
    const std::lock_guard lock{mutex_};
    away_ = away;
}

void recording::refuse(const subject& to) {
    const std::lock_guard lock{mutex_};
    refused_.push_back(to.text());
}

void recording::lose_acks(std::size_t count) {
    const std::lock_guard lock{mutex_};
    acks_to_lose_ = count;
}

delivery_outcome recording::answer(std::size_t index, const stored_message& m) {
    const auto no = [&](fate what, const std::string& why) {
        return delivery_outcome{.index = index, .fate = what, .reason = why};
    };
    const fate wanted = decide ? decide(m) : fate::delivered;
    const std::lock_guard lock{mutex_};
    if (away_)
        return no(fate::unavailable, "the test keeps the target away");
    if (std::find(refused_.begin(), refused_.end(), m.content.subject) != refused_.end())
        return no(fate::rejected, "the test refuses messages to " + m.content.subject);
    if (wanted != fate::delivered)
        return no(wanted, "as the test wants it");
    try {
        arrivals_.push_back(take_apart(m.content));
    } catch (const error& e) {
        return no(fate::rejected, e.what());
    }
    changed_.notify_all();
    if (acks_to_lose_ > 0) {
        --acks_to_lose_;
        return no(fate::unavailable, "the test loses the answer");
    }
    return {.index = index, .fate = fate::delivered};
}

target_capabilities recording_target::capabilities() const {
    return {.message_bytes_max = 1U << 20U};
}

void recording_target::deliver(std::span<const stored_message* const> wave) {
    for (std::size_t i = 0; i < wave.size(); ++i)
        ready_.push_back(into_->answer(i, *wave[i]));
}

void recording_target::await(std::chrono::milliseconds, std::vector<delivery_outcome>& outcomes) {
    outcomes.insert(outcomes.end(), ready_.begin(), ready_.end());
    ready_.clear();
}

} // namespace outbox::testing
