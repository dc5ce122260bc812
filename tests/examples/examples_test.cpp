// The examples as a reader runs them, each on a database of its own.

#include "harness/child_process.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "outbox/store/any/open_database.hpp"
#include "outbox/testing/gmock.hpp"
#include "outbox/testing/testing.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace outbox {
namespace {

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

TEST(examples, own_unit_of_work) {
    const sqlite_place at;
    make_outbox(at);
    run("08_own_unit_of_work", {at.path()});
    expect_order(at, "paid", order_paid);
}

TEST(examples, testing) {
    const auto ended = run_to_end({.argv = {example("09_testing")}});
    EXPECT_TRUE(ended.status.ok()) << ended.stdout_text;
    EXPECT_THAT(ended.stdout_text, ::testing::HasSubstr("[  PASSED  ] 3 tests."));
}

} // namespace
} // namespace outbox
