// Two processes: the test is the business, outbox-watchdog relays, outbox-broker takes.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"

#include <fstream>
#include <optional>

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;

const subject order_paid{"orders.paid"};

class producer_watchdog : public sqlite_fixture {
protected:
    harness::broker_server broker;
    std::optional<harness::child_process> watchdog;

    void start_watchdog(const std::string& more = {}) {
        std::ofstream{folder / "w.toml"}
            << "[[target]]\nname = \"b\"\nbrokers = \"" << broker.address()
            << "\"\n[[database]]\nname = \"shop\"\nurl = \"sqlite:" << path
            << "\"\ntarget = \"b\"\nlease = \"1s\"\nlease_renewal = \"200ms\"\n"
            << more;
        watchdog.emplace(harness::child_options{
            .argv = {
                harness::our_program("outbox-watchdog").string(),
                "--config",
                (folder / "w.toml").string()}});
        watchdog->wait_for_line("outbox-watchdog relaying", 20s);
    }
    receipt send(producer& from) {
        return from.transact(*db, [&](auto&, outgoing& out) {
            return out.send({.to = order_paid, .body = {{"orderId", 1}}}, with_receipt);
        });
    }
    std::int64_t backlog() { return source->open_relay_store()->status(0).backlog; }
};

TEST_F(producer_watchdog, the_receipt_comes_back_from_another_process) {
    start_watchdog();
    producer sender;
    const receipt r = send(sender);
    EXPECT_EQ(sender.wait_delivered(r, 30s), send_fate::delivered);
    const delivery_report report = r.report().value();
    EXPECT_EQ(report.attempts, 1U);
    EXPECT_TRUE(report.position.known()) << "where it stands in the broker's log";
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(sender.wait_delivered(send(sender), 30s), send_fate::delivered);
}

TEST_F(producer_watchdog, a_watchdog_that_is_told_not_to_answers_nobody) {
    start_watchdog("receipts = \"off\"\n");
    producer sender;
    const receipt r = send(sender);
    harness::wait_until([&] { return backlog() == 0; }, 30s, "the message to be delivered");
    EXPECT_EQ(sender.wait_delivered(r, 50ms), send_fate::left_to_watchdog);
}

TEST_F(producer_watchdog, with_the_broker_down_it_is_left_to_the_watchdog_and_later_delivered) {
    broker.kill();
    start_watchdog();
    producer sender{{.receipts = {.deadline = 200ms}}};
    const receipt r = send(sender);
    EXPECT_EQ(sender.wait_delivered(r, 20s), send_fate::left_to_watchdog);
    EXPECT_EQ(backlog(), 1);
    broker.start();
    harness::wait_until([&] { return backlog() == 0; }, 60s, "the message to be delivered");
}

TEST_F(producer_watchdog, a_watchdog_that_is_killed_costs_the_receipt_and_the_next_one_gives_it) {
    broker.kill(); // so that the message is in the first one's hands when it dies
    start_watchdog();
    producer impatient{{.receipts = {.deadline = 300ms}}};
    producer patient;
    const receipt given_up = send(impatient);
    const receipt waited_for = send(patient);
    harness::wait_until(
        [&] { return !source->open_relay_store()->status(0).lease_holder.empty(); },
        20s,
        "the watchdog to take the lease"
    );
    watchdog->signal(SIGKILL);
    watchdog->wait(20s);
    EXPECT_EQ(impatient.wait_delivered(given_up, 20s), send_fate::left_to_watchdog);
    broker.start();
    start_watchdog();
    EXPECT_EQ(patient.wait_delivered(waited_for, 60s), send_fate::delivered);
}

} // namespace
} // namespace outbox::testing
