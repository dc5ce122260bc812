#include "watchdog/turn_taking_target.hpp"

#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/relay/relay.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/testing/recording_target.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace outbox::watchdog {
namespace {

using namespace std::chrono_literals;

TEST(
    turn_taking_target,
    a_wave_that_is_cancelled_before_its_turn_is_unavailable_and_frees_its_place
) {
    const auto desk = std::make_shared<turn_desk>(turn_rules{});
    testing::recording seen;
    const auto make = [&] {
        return std::make_unique<turn_taking_target>(
            std::make_unique<testing::recording_target>(seen),
            desk,
            0
        );
    };
    auto first = make();
    auto second = make();
    stored_message m;
    m.content.subject = "a";
    const std::vector<const stored_message*> wave{&m};
    std::vector<delivery_outcome> outcomes;
    first->deliver(wave); // its turn; it has not been looked after yet
    second->deliver(wave);
    second->await(0ms, outcomes);
    EXPECT_TRUE(outcomes.empty());
    EXPECT_TRUE(seen.arrivals().empty());
    second->cancel();
    second->await(0ms, outcomes);
    ASSERT_EQ(outcomes.size(), 1U);
    EXPECT_EQ(outcomes[0].fate, fate::unavailable);
    EXPECT_TRUE(seen.arrivals().empty()) << "it is not sent afterwards";

    first.reset(); // and whoever goes away leaves its place
    second->deliver(wave);
    second->await(0ms, outcomes);
    ASSERT_EQ(outcomes.size(), 2U);
    EXPECT_EQ(outcomes[1].fate, fate::delivered);
}

TEST(turn_taking_target, a_wake_before_the_wait_is_not_missed) {
    const auto desk = std::make_shared<turn_desk>(turn_rules{});
    testing::recording seen;
    const auto make = [&] {
        return std::make_unique<turn_taking_target>(
            std::make_unique<testing::recording_target>(seen),
            desk,
            0
        );
    };
    auto first = make();
    auto second = make();
    const stored_message m;
    const std::vector<const stored_message*> wave{&m};
    std::vector<delivery_outcome> outcomes;
    first->deliver(wave); // and keeps its turn
    second->deliver(wave);
    second->wake();
    std::atomic<bool> returned{false};
    std::thread waiting{[&] {
        second->await(24h, outcomes);
        returned = true;
    }};
    harness::wait_until([&] { return returned.load(); }, 20s, "the wake to be seen");
    waiting.join();
    EXPECT_TRUE(outcomes.empty());
}

// Two outboxes with a backlog, one place: the high one is delivered first, the low one not never.
TEST(turn_taking_target, the_backlog_of_higher_priority_is_delivered_first) {
    constexpr int count = 600;
    constexpr std::size_t in_a_wave = 10;
    const harness::temp_dir folder;
    const std::string url = "sqlite:" + (folder / "shop.db").string();
    const outbox_name urgent{"urgent"};
    const auto fill = [&](const outbox_name& name) {
        auto made = sqlite::open_database(url, name);
        made->open_migrator()->up();
        message_id_generator ids;
        std::vector<envelope> rows;
        for (int i = 0; i < count; ++i)
            rows.push_back(
                {.id = ids.next(),
                 .subject = name.text(),
                 .key = bytes{"k"},
                 .headers = {},
                 .payload = std::to_string(i)}
            );
        made->send(rows);
        return made;
    };
    const auto low = fill({});
    const auto high = fill(urgent);

    const auto desk = std::make_shared<turn_desk>(turn_rules{.kept_for = 500ms});
    testing::recording seen;
    const auto relay_of = [&](database& source, int priority) {
        return std::make_unique<relay>(
            source,
            std::make_unique<turn_taking_target>(
                std::make_unique<testing::recording_target>(seen),
                desk,
                priority
            ),
            relay_options{.owner = "test", .slice = {.message_count_max = in_a_wave}}
        );
    };
    const auto of_low = relay_of(*low, 0);
    const auto of_high = relay_of(*high, 9);
    // Until both have a wave to send, the place is taken.
    const int before = desk->enter();
    desk->want(before, 0);
    std::thread first{[&] { of_low->run(); }};
    std::thread second{[&] { of_high->run(); }};
    harness::wait_until([&] { return desk->waiting_count() == 2; }, 30s, "two waves that wait");
    desk->done(before);
    EXPECT_TRUE(seen.await_count(2 * count));
    of_low->request_stop();
    of_high->request_stop();
    first.join();
    second.join();

    const auto arrivals = seen.arrivals();
    ASSERT_EQ(arrivals.size(), 2U * count);
    std::vector<std::string> lows;
    std::vector<std::string> highs;
    std::vector<std::string> expected;
    for (int i = 0; i < count; ++i)
        expected.push_back(std::to_string(i));
    std::size_t lows_before_the_last_high = 0;
    for (const auto& m : arrivals) {
        const bool is_high = m.subject == urgent.text();
        (is_high ? highs : lows).push_back(m.payload);
        if (is_high)
            lows_before_the_last_high = lows.size();
    }
    EXPECT_EQ(lows, expected) << "each keeps its order";
    EXPECT_EQ(highs, expected);
    // One wave in eleven.
    EXPECT_GT(lows_before_the_last_high, 0U) << "the low one starved";
    EXPECT_LT(lows_before_the_last_high, count / 4U);
}

} // namespace
} // namespace outbox::watchdog
