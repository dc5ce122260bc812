// The examples as a reader runs them, each on a database of its own.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/store/any/open_database.hpp"
#include "outbox/testing/gmock.hpp"
#include "outbox/testing/testing.hpp"
#include "tests/target/kafka/record_reader.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using namespace outbox::testing;
using harness::run_to_end;

const subject order_placed{"orders.placed"};
const subject order_paid{"orders.paid"};

harness::postgres_server& postgres() {
    static harness::postgres_server one{{.settings = {"fsync=off"}}};
    return one;
}
harness::mariadb_server& mariadb() {
    static harness::mariadb_server one;
    return one;
}

// A database with the tables of the outbox and nothing else.
class place {
public:
    virtual ~place() = default;
    virtual std::string url() const = 0;
    virtual std::string ask(const std::string& sql) const = 0;
};

class sqlite_place final : public place {
public:
    std::string path() const { return folder_ / "shop.db"; }
    std::string url() const override { return "sqlite:" + path(); }
    std::string ask(const std::string& sql) const override {
        return run_to_end({.argv = {harness::system_program("sqlite3"), path(), sql}}).stdout_text;
    }

private:
    harness::temp_dir folder_;
};

std::string fresh_name() {
    static int count = 0;
    return "shop_" + std::to_string(++count);
}

class postgresql_place final : public place {
public:
    postgresql_place() { postgres().psql("create database " + name_); }
    std::string name() const { return name_; }
    std::string url() const override { return postgres().url(name_); }
    std::string ask(const std::string& sql) const override { return postgres().psql(sql, name_); }

private:
    std::string name_ = fresh_name();
};

class mariadb_place final : public place {
public:
    mariadb_place() { mariadb().sql("create database " + name_); }
    std::string name() const { return name_; }
    std::string url() const override { return mariadb().url(name_); }
    std::string ask(const std::string& sql) const override { return mariadb().sql(sql, name_); }

private:
    std::string name_ = fresh_name();
};

std::string example(const std::string& name) {
    return std::string{OUTBOX_EXAMPLES_DIR} + "/" + name;
}

void make_outbox(const place& at) {
    const auto made =
        run_to_end({.argv = {harness::our_program("outbox"), "migrate", "up", "--db", at.url()}});
    ASSERT_TRUE(made.status.ok()) << made.stderr_text;
}

void run(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), example(name));
    const auto ended = run_to_end({.argv = arguments});
    ASSERT_TRUE(ended.status.ok()) << to_string(ended.status) << "\n" << ended.stderr_text;
}

std::vector<sent_message> drained_from(const place& at) {
    recording seen;
    recording_target to{seen};
    drain(*open_database(at.url()), to);
    return seen.arrivals();
}

// Order 42 is in the state, and one message speaks of it.
void expect_order(const place& at, const std::string& state, const subject& about) {
    EXPECT_THAT(
        at.ask("select id, state from orders"),
        ::testing::MatchesRegex("42[|\t]" + state + "\n?")
    );
    const auto all = drained_from(at);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].subject, about.text());
    EXPECT_EQ(all[0].payload, R"({"orderId":42})");
    EXPECT_EQ(all[0].key, "42");
}

TEST(examples, smallest_sqlite) {
    const sqlite_place at;
    make_outbox(at);
    run("01_smallest_sqlite", {at.path()});
    expect_order(at, "paid", order_paid);
}

TEST(examples, smallest_postgresql) {
    const postgresql_place at;
    make_outbox(at);
    run("02_smallest_postgresql", {at.url()});
    expect_order(at, "paid", order_paid);
}

TEST(examples, smallest_mariadb) {
    const mariadb_place at;
    make_outbox(at);
    run("03_smallest_mariadb",
        {"tcp://127.0.0.1:" + std::to_string(mariadb().port()) + "/" + at.name(), "root"});
    expect_order(at, "paid", order_paid);
}

TEST(examples, soci_on_sqlite) {
    const sqlite_place at;
    make_outbox(at);
    run("04_soci", {"sqlite3://db=" + at.path()});
    expect_order(at, "paid", order_paid);
}

TEST(examples, soci_on_postgresql) {
    const postgresql_place at;
    make_outbox(at);
    run("04_soci",
        {"postgresql://host=127.0.0.1 user=postgres port=" + std::to_string(postgres().port()) +
         " dbname=" + at.name()});
    expect_order(at, "paid", order_paid);
}

TEST(examples, soci_on_mariadb) {
    const mariadb_place at;
    make_outbox(at);
    run("04_soci",
        {"mysql://host=127.0.0.1 user=root port=" + std::to_string(mariadb().port()) +
         " dbname=" + at.name()});
    expect_order(at, "paid", order_paid);
}

TEST(examples, own_transaction) {
    const postgresql_place at;
    make_outbox(at);
    run("05_own_transaction", {at.url()});
    expect_order(at, "placed", order_placed);
}

TEST(examples, scheduled) {
    const sqlite_place at;
    make_outbox(at);
    run("06_scheduled", {at.path()});
    expect_order(at, "placed", order_placed);
    EXPECT_EQ(
        at.ask("select subject, due_at / 60000000 - strftime('%s', 'now') / 60 between 28 and 31 "
               "from outbox_scheduled"),
        "orders.reminder|1\n"
    );
}

TEST(examples, listener) {
    const sqlite_place at;
    make_outbox(at);
    harness::broker_server broker;
    const harness::temp_dir folder;
    std::ofstream{folder / "watchdog.toml"}
        << "[[target]]\nname = \"kafka\"\nbrokers = \"" << broker.address()
        << "\"\n[[database]]\nname = \"shop\"\nurl = \"" << at.url() << "\"\ntarget = \"kafka\"\n";
    harness::child_process watchdog{
        {.argv = {harness::our_program("outbox-watchdog"), "--config", folder / "watchdog.toml"}}};
    watchdog.wait_for_line("outbox-watchdog relaying", 20s);
    const auto ended = run_to_end({.argv = {example("07_listener"), at.path()}});
    EXPECT_TRUE(ended.status.ok()) << ended.stderr_text;
    EXPECT_THAT(
        ended.stdout_text,
        ::testing::AllOf(
            ::testing::HasSubstr("orders.paid: delivered, offset 0\n"),
            ::testing::HasSubstr("invoices.due: delivered\n")
        )
    );
    EXPECT_EQ(kafka::read_topic(broker.address(), "orders.paid").size(), 1U);
    EXPECT_EQ(kafka::read_topic(broker.address(), "invoices.due").size(), 1U);
    EXPECT_TRUE(watchdog.stop().ok());
}

TEST(examples, own_unit_of_work) {
    const sqlite_place at;
    make_outbox(at);
    run("08_own_unit_of_work", {at.path()});
    expect_order(at, "paid", order_paid);
}

// The service reads its orders from a file, as from a pipe.
harness::child_process
start_service(const place& at, const std::filesystem::path& orders, const std::string& broker) {
    const std::string command = "exec \"$0\" \"$1\" " + broker + " < \"" + orders.string() + "\"";
    return harness::child_process{
        {.argv = {"sh", "-c", command, example("10_order_service"), at.url()}}};
}

void expect_order_service(const place& at) {
    harness::broker_server broker;
    const harness::temp_dir folder;
    const auto write = [&](const char* name, const char* lines) {
        std::ofstream{folder / name} << lines;
        return folder / name;
    };
    const auto values = [&](const char* topic) {
        std::vector<std::string> all;
        for (const auto& r : kafka::read_topic(broker.address(), topic))
            all.push_back(r.value);
        return all;
    };
    {
        auto service = start_service(
            at,
            write("first", "place 1 2\nplace 2 5\npay 1\npay 7\nplace 1 9\npay 1\nnonsense\n"),
            broker.address()
        );
        service.wait_for_line("^pay 1: done$", 30s);
        service.wait_for_line("^pay 7: not done: no such order", 30s);
        service.wait_for_line("^place 1 9: not done: ", 30s);
        service.wait_for_line("^pay 1: not done: no such order", 30s);
        service.wait_for_line("^nonsense: not done: say", 30s);
        harness::wait_until(
            [&] { return values("orders.paid").size() == 1; },
            30s,
            "the broker to have the payment"
        );
        EXPECT_EQ(service.stop(SIGTERM), harness::exit_status{}) << service.stderr_text();
    }
    EXPECT_THAT(
        values("orders.placed"),
        ::testing::UnorderedElementsAre(
            R"({"orderId":1,"pieces":2})",
            R"({"orderId":2,"pieces":5})"
        )
    );
    const auto status = [&] { return open_database(at.url())->open_relay_store()->status(0); };
    EXPECT_EQ(status().backlog, 0);
    EXPECT_EQ(status().lease_holder, "") << "given back";

    // Without a relay of its own, and killed: what is committed waits, and the next start has it.
    {
        auto service = start_service(at, write("second", "pay 2\n"), "");
        service.wait_for_line("^pay 2: done$", 30s);
        service.stop(SIGKILL);
    }
    EXPECT_EQ(status().backlog, 1);
    auto service = start_service(at, write("third", ""), broker.address());
    harness::wait_until(
        [&] { return values("orders.paid").size() == 2; },
        30s,
        "the broker to have the second payment"
    );
    EXPECT_EQ(service.stop(SIGINT), harness::exit_status{}) << service.stderr_text();
    EXPECT_EQ(at.ask("select count(*) from orders where state = 'paid'"), "2\n");
}

TEST(examples, order_service_on_sqlite) {
    expect_order_service(sqlite_place{});
}

TEST(examples, order_service_on_postgresql) {
    expect_order_service(postgresql_place{});
}

TEST(examples, order_service_on_mariadb) {
    expect_order_service(mariadb_place{});
}

TEST(examples, testing) {
    const auto ended = run_to_end({.argv = {example("09_testing")}});
    EXPECT_TRUE(ended.status.ok()) << ended.stdout_text;
    EXPECT_THAT(ended.stdout_text, ::testing::HasSubstr("[  PASSED  ] 3 tests."));
}

} // namespace
} // namespace outbox
