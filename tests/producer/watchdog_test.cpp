// Two processes: the test is the business, outbox-watchdog relays, outbox-broker takes.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "tests/producer/notebook.hpp"
#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/error.hpp"
#include "outbox/message/header.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/target/kafka/kafka_target.hpp"
#include "tests/target/kafka/record_reader.hpp"

#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>

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
    watchdog->wait_for_line("lease taken", 20s);
    watchdog->signal(SIGKILL);
    watchdog->wait(20s);
    EXPECT_EQ(impatient.wait_delivered(given_up, 20s), send_fate::left_to_watchdog);
    broker.start();
    start_watchdog();
    EXPECT_EQ(patient.wait_delivered(waited_for, 60s), send_fate::delivered);
}

// The broker is killed and comes back while messages are sent straight to it: each is there in the
// end, by one way or the other. The judge counts in the broker's log.
TEST_F(producer_watchdog, store_on_failure_loses_nothing_when_the_broker_is_killed_in_the_middle) {
    constexpr int count = 3'000;
    notebook told;
    std::set<std::string> sent;
    {
        producer_options options;
        options.database = source.get();
        options.target = std::make_unique<kafka_target>(kafka_options{.brokers = broker.address()});
        options.posts.wave_messages_max = 50;
        producer sender{std::move(options)};
        for (int i = 0; i < count; ++i) {
            sent.insert(sender
                            .post(
                                {.to = order_paid, .body = body::raw(std::to_string(i))},
                                {.durability = durability::store_on_failure, .deadline = 1s},
                                told.listener()
                            )
                            .text());
            if (i == count / 3) {
                told.await(1); // some have gone straight
                broker.kill();
            }
            if (i == count * 2 / 3) {
                harness::wait_until([&] { return messages() > 0; }, 30s, "rows to be written");
                broker.start();
            }
        }
        told.await(count, 60s);
    }
    EXPECT_EQ(told.reports().size(), static_cast<std::size_t>(count));
    EXPECT_GT(told.count(send_fate::delivered), 0U);
    EXPECT_GT(told.count(send_fate::left_to_watchdog), 0U);
    EXPECT_EQ(
        told.count(send_fate::delivered) + told.count(send_fate::left_to_watchdog),
        static_cast<std::size_t>(count)
    );
    start_watchdog();
    harness::wait_until([&] { return backlog() == 0; }, 60s, "the rows to be delivered");
    std::set<std::string> arrived;
    std::size_t records = 0;
    for (const kafka::record& r : kafka::read_topic(broker.address(), "orders.paid", 60s)) {
        ++records;
        for (const auto& [name, value] : r.headers) {
            if (name == header_name::message_id)
                arrived.insert(value);
        }
    }
    EXPECT_EQ(arrived, sent);
    RecordProperty("duplicates", static_cast<int>(records - arrived.size()));
    RecordProperty("rows", static_cast<int>(told.count(send_fate::left_to_watchdog)));
}

} // namespace
} // namespace outbox::testing
