// The longest duration that can be said is not the shortest.

#include "outbox/consumer/consumer_machine.hpp"
#include "outbox/consumer/consumer_setup.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <variant>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto for_ever = milliseconds::max();

/// One partition, one message in hand.
class for_ever_test : public testing::Test {
protected:
    void begin(void (*change)(consumer_options&) = [](consumer_options&) {}) {
        consumer_options options{.group = group_name{"g"}, .subjects = {subject{"orders"}}};
        change(options);
        machine.emplace(settings_of(options, 1), random);
        tell(consumer_event::assigned{.partition = 1});
        EXPECT_TRUE(fetch(1));
    }
    /// Whether it is handed out.
    bool fetch(ticket t) {
        tell({consumer_event::fetched{
            .partition = 1,
            .ticket = t,
            .offset = static_cast<std::int64_t>(t),
            .lane = t}});
        return has<consumer_action::hand_out>();
    }
    void tell(const consumer_event_type& event) { actions = machine->resume(now, event); }
    void let_pass(milliseconds time) {
        now += time;
        tell(consumer_event::woken{});
    }
    template <class Action>
    bool has() const {
        return std::any_of(actions.begin(), actions.end(), [](const auto& each) {
            return std::holds_alternative<Action>(each);
        });
    }
    void expect_what_is_in_hand_to_be_waited_for() {
        EXPECT_FALSE(has<consumer_action::release>());
        let_pass(24h);
        EXPECT_FALSE(has<consumer_action::release>());
        tell(consumer_event::handled{.ticket = 1});
        EXPECT_TRUE(has<consumer_action::commit>());
    }

    seeded_random random{1};
    std::optional<consumer_machine> machine;
    tick_point now{1h};
    std::vector<consumer_action_type> actions;
};

TEST_F(for_ever_test, a_stop_waits_for_what_is_in_hand) {
    begin([](consumer_options& o) { o.stop_patience = for_ever; });
    tell(consumer_event::stop_wanted{});
    expect_what_is_in_hand_to_be_waited_for();
}

TEST_F(for_ever_test, a_partition_that_goes_waits_for_what_is_in_hand) {
    begin([](consumer_options& o) { o.revoke_patience = for_ever; });
    tell(consumer_event::revoked{.partition = 1});
    expect_what_is_in_hand_to_be_waited_for();
}

TEST_F(for_ever_test, a_message_that_is_put_off_does_not_come_at_once) {
    for (const auto& said : {outcome::retry_after(for_ever), outcome::defer(for_ever)}) {
        begin();
        tell(consumer_event::handled{.ticket = 1, .result = said});
        EXPECT_FALSE(has<consumer_action::hand_out>());
        let_pass(24h);
        EXPECT_FALSE(has<consumer_action::hand_out>()) << to_string(said.kind());
    }
}

TEST_F(for_ever_test, progress_is_not_committed_with_each_message) {
    begin([](consumer_options& o) { o.commit_interval = for_ever; });
    tell(consumer_event::handled{.ticket = 1});
    ASSERT_TRUE(has<consumer_action::commit>()) << "the first at once";
    tell(consumer_event::commit_answered{{{1, consumer_event::commit_result::committed}}});
    EXPECT_TRUE(fetch(2));
    tell(consumer_event::handled{.ticket = 2});
    EXPECT_FALSE(has<consumer_action::commit>());
}

TEST_F(for_ever_test, a_closed_gate_is_not_asked_all_the_time) {
    begin([](consumer_options& o) { o.gate_shortest = o.gate_longest = for_ever; });
    tell(consumer_event::handled{.ticket = 1, .result = outcome::unavailable("away")});
    EXPECT_FALSE(has<consumer_action::hand_out>());
    let_pass(24h);
    EXPECT_FALSE(has<consumer_action::hand_out>());
}

} // namespace
} // namespace outbox
