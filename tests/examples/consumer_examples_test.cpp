// The examples of the consumer's side as a reader runs them, each given what shows its point: the
// same message again.

#include "harness/wait_until.hpp"
#include "tests/examples/consumer_stage.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace outbox::examples {
namespace {

using harness::child_process;
using harness::run_to_end;
using ::testing::ElementsAre;

TEST(consumer_examples, order_timeout) {
    const shop at;
    const broker kafka;
    const harness::temp_dir folder;
    std::ofstream{folder / "watchdog.toml"}
        << "[[target]]\nname = \"kafka\"\nbrokers = \"" << kafka.address()
        << "\"\n[[database]]\nname = \"shop\"\nurl = \"" << at.url() << "\"\ntarget = \"kafka\"\n";
    child_process watchdog{
        {.argv = {harness::our_program("outbox-watchdog"), "--config", folder / "watchdog.toml"}}};
    const auto say = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {example("12_order_timeout"), at.url()});
        return run_to_end({.argv = words}).status.ok();
    };
    const auto waiting = [&] { return ask(at, "select count(*) from outbox.scheduled"); };

    ASSERT_TRUE(say({"place", "1", "3600"}));
    EXPECT_EQ(waiting(), "1");
    ASSERT_TRUE(say({"pay", "1"}));
    EXPECT_EQ(waiting(), "0") << "taken back when it was paid";
    ASSERT_TRUE(say({"place", "2", "1"}));
    harness::wait_until(
        [&] { return kafka.values("orders.payment-due").size() == 1; },
        patience,
        "the message for later to be delivered"
    );

    child_process desk{{.argv = {example("12_order_timeout"), at.url(), "watch", kafka.address()}}};
    desk.wait_for_line("^order 2: cancelled$", patience);
    EXPECT_FALSE(say({"pay", "2"}));
    // The same again, and one that came too late to be taken back.
    kafka.send("orders.payment-due", '2', R"({"orderId":2})");
    kafka.send("orders.payment-due", '1', R"({"orderId":1})");
    desk.wait_for_line("^order 1: as it was$", patience);
    EXPECT_THAT(
        lines_of(desk.stdout_text()),
        ElementsAre("order 2: cancelled", "order 2: as it was", "order 1: as it was")
    );
    EXPECT_EQ(
        ask(at, "select string_agg(state, ' ' order by id) from public.orders"),
        "paid cancelled"
    );

    // What the world has heard, up to one that is cancelled behind all of this.
    ASSERT_TRUE(say({"place", "3", "0"}));
    harness::wait_until(
        [&] {
            const auto heard = kafka.values("orders.cancelled");
            return std::count(heard.begin(), heard.end(), R"({"orderId":3})") == 1;
        },
        patience,
        "order 3 to be cancelled"
    );
    EXPECT_THAT(
        kafka.values("orders.cancelled"),
        ::testing::UnorderedElementsAre(R"({"orderId":2})", R"({"orderId":3})")
    );
    EXPECT_TRUE(desk.stop().ok()) << desk.stderr_text();
    EXPECT_TRUE(watchdog.stop().ok());
}

TEST(consumer_examples, price_cache) {
    const shop at;
    const broker kafka;
    change(at, "create table public.price (article integer primary key, cents bigint not null)");
    change(at, "insert into public.price values (7, 100)");
    const auto changed = [&](char id, int article, int cents) {
        kafka.send(
            "prices.changed",
            id,
            R"({"article":)" + std::to_string(article) + R"(,"cents":)" + std::to_string(cents) +
                "}"
        );
    };
    changed('1', 7, 100);
    const auto start = [&] {
        return child_process{{.argv = {example("15_price_cache"), at.url(), kafka.address()}}};
    };
    std::vector<child_process> instances;
    instances.push_back(start());
    instances.push_back(start());
    for (auto& each : instances)
        each.wait_for_line("^article 7: 100$", patience);
    change(at, "update public.price set cents = 200");
    changed('2', 7, 200);
    for (auto& each : instances)
        each.wait_for_line("^article 7: 200$", patience);
    change(at, "update public.price set cents = 300");
    change(at, "insert into public.price values (8, 50)");
    changed('3', 7, 300);
    changed('2', 7, 200); // again, and late
    changed('4', 8, 50);
    for (auto& each : instances) {
        each.wait_for_line("^article 8: 50$", patience);
        const auto lines = lines_of(each.stdout_text());
        ASSERT_GE(lines.size(), 3U);
        EXPECT_EQ(lines[lines.size() - 2], "article 7: 300");
        EXPECT_EQ(lines[lines.size() - 3], "article 7: 300");
    }
    // One that is started later has the prices from the table.
    instances.push_back(start());
    instances.back().wait_for_line("^2 prices$", patience);
    for (auto& each : instances)
        EXPECT_TRUE(each.stop().ok()) << each.stderr_text();
}

} // namespace
} // namespace outbox::examples
