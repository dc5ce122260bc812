// The program as an operator meets it: its exit codes, its one line, its end. No broker is needed
// for that.

#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/store/sqlite/database.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace outbox::watchdog {
namespace {

using namespace std::chrono_literals;

class watchdog_program : public ::testing::Test {
protected:
    harness::temp_dir folder;
    std::string database_path = (folder / "shop.db").string();
    std::unique_ptr<database> source = sqlite::open_database("sqlite:" + database_path);

    void write_config(const std::string& more = {}) {
        std::ofstream{folder / "w.toml"}
            << "[[target]]\nname = \"k\"\nbrokers = \"127.0.0.1:1\"\n"
               "[[database]]\nname = \"shop\"\nurl = \"sqlite:" +
                   database_path +
                   "\"\ntarget = \"k\"\nlease = \"1s\"\nlease_renewal = \"200ms\"\n" + more;
    }
    harness::child_process start() {
        return harness::child_process{
            {.argv = {
                 harness::our_program("outbox-watchdog").string(),
                 "--config",
                 (folder / "w.toml").string()}}};
    }
    std::string holder() { return source->open_relay_store()->status(0).lease_holder; }
    std::chrono::milliseconds lease_left() {
        return source->open_relay_store()->status(0).lease_left;
    }
};

TEST_F(watchdog_program, says_that_it_works_and_ends_in_good_order) {
    source->open_migrator()->up();
    write_config();
    auto program = start();
    program.wait_for_line("outbox-watchdog relaying 1 databases", 20s);
    harness::wait_until([&] { return !holder().empty(); }, 20s, "the lease to be taken");
    EXPECT_EQ(program.stop(SIGTERM), (harness::exit_status{0, 0}));
    EXPECT_EQ(holder(), "") << "the lease was not given back";
}

TEST_F(watchdog_program, removes_what_consumers_have_applied_long_ago_and_nothing_else) {
    source->open_migrator()->up();
    const auto run = [&](const std::string& sql) {
        harness::child_process tool{
            {.argv = {"sqlite3", "-cmd", ".timeout 5000", database_path, sql}}};
        EXPECT_EQ(tool.wait(20s).code, 0) << tool.stderr_text();
        return tool.stdout_text();
    };
    const std::string old = "cast((julianday('now') - 2440587.5 - 10) * 86400000000.0 as integer)";
    const std::string young = "cast((julianday('now') - 2440587.5 - 8) * 86400000000.0 as integer)";
    for (const auto& [when, mark] : {std::pair{old, "o"}, std::pair{young, "y"}})
        run("with recursive i (n) as (select 1 union all select n + 1 from i where n < 1500)"
            " insert into outbox_consumed select 'billing', cast(n || '" +
            std::string{mark} + "' as blob), " + when + " from i");
    write_config("applied_kept = \"9d\"\nredelivery_horizon = \"9d\"\n");
    auto program = start();
    harness::wait_until(
        [&] {
            return run("select count(*) from outbox_consumed where consumed_at <= " + young) ==
                   "1500\n";
        },
        20s,
        "the old keys to be removed, in two pieces"
    );
    EXPECT_EQ(program.stop(SIGTERM), (harness::exit_status{0, 0}));
    EXPECT_EQ(
        run("select count(*) from outbox_consumed where cast(message_key as text) like '%y'"),
        "1500\n"
    );
}

TEST_F(watchdog_program, a_mistake_in_the_configuration_is_exit_2) {
    write_config("pol_longest = \"1s\"\n");
    auto program = start();
    EXPECT_EQ(program.wait(20s).code, 2);
    EXPECT_NE(program.stderr_text().find("'poll_longest'"), std::string::npos)
        << program.stderr_text();
}

TEST_F(watchdog_program, waits_for_a_database_that_is_not_there_yet) {
    write_config();
    auto program = start();
    program.wait_for_line("cannot open the SQLite database", 20s);
    source->open_migrator()->up();
    harness::wait_until(
        [&] { return !holder().empty(); },
        20s,
        "the lease to be taken once the tables are there"
    );
}

TEST_F(watchdog_program, of_two_one_works_and_takes_over_from_one_that_is_frozen) {
    source->open_migrator()->up();
    write_config();
    auto first = start();
    harness::wait_until([&] { return !holder().empty(); }, 20s, "the first to take the lease");
    const std::string first_holder = holder();
    auto second = start();
    second.wait_for_line("outbox-watchdog relaying", 20s);
    second.wait_for_line("standing by", 20s);
    EXPECT_EQ(holder(), first_holder);

    first.signal(SIGSTOP);
    harness::wait_until(
        [&] { return holder() != first_holder && !holder().empty(); },
        20s,
        "the second to take over"
    );
    const std::string second_holder = holder();
    first.signal(SIGCONT);
    first.wait_for_line("standing by", 20s);
    EXPECT_EQ(holder(), second_holder) << "the frozen one took the lease back";
    EXPECT_GT(lease_left(), 0ms);
}

} // namespace
} // namespace outbox::watchdog
