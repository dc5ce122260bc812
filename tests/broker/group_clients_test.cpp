// Groups of the consumers that people have, unmodified, from Debian: they come, go and are killed
// while records are written, and every record is counted.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <list>
#include <map>
#include <sstream>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using harness::child_process;

/// A broker whose groups notice the dead in a second instead of in many.
class group_clients : public testing::Test {
protected:
    group_clients() {
        std::ofstream(config()) << "[groups]\ninitial_rebalance_delay = \"0ms\"\n"
                                   "session_min = \"100ms\"\n";
        broker_.emplace(harness::broker_options{.arguments = {"--config", config()}});
    }
    std::string config() const { return dir_ / "broker.toml"; }

    /// Writes the next `count` records, "0", "1", …; returns when all are acknowledged.
    void produce(int count) {
        const std::string file = dir_ / "lines";
        std::ofstream lines(file);
        for (int i = 0; i < count; ++i)
            lines << produced_++ << "\n";
        lines.close();
        const auto result = harness::run_to_end(
            {.argv =
                 {harness::system_program("kcat"),
                  "-P",
                  "-b",
                  broker_->address(),
                  "-t",
                  "orders",
                  "-X",
                  "enable.idempotence=true",
                  "-l",
                  file}}
        );
        ASSERT_TRUE(result.status.ok()) << result.stderr_text;
    }

    /// A consumer of the group; -u: what it has read is seen at once.
    child_process& kcat(const std::string& group, std::vector<std::string> more = {}) {
        std::vector<std::string> argv{
            harness::system_program("kcat"),
            "-b",
            broker_->address(),
            "-u",
            "-X",
            "auto.offset.reset=earliest",
            "-X",
            "session.timeout.ms=1500",
            "-X",
            "heartbeat.interval.ms=200",
            "-X",
            "auto.commit.interval.ms=100"};
        argv.insert(argv.end(), more.begin(), more.end());
        argv.insert(argv.end(), {"-G", group, "orders"});
        return consumers_.emplace_back(harness::child_options{.argv = std::move(argv)});
    }
    child_process& python(const std::string& library, std::vector<std::string> more) {
        std::vector<std::string>
            argv{"/usr/bin/python3", "-u", OUTBOX_GROUP_CLIENT_SCRIPT, library, broker_->address()};
        argv.insert(argv.end(), more.begin(), more.end());
        return consumers_.emplace_back(harness::child_options{.argv = std::move(argv)});
    }

    /// How often each record was read, by anybody.
    std::map<int, int> read() const {
        std::map<int, int> times;
        for (const auto& consumer : consumers_) {
            std::istringstream lines(consumer.stdout_text());
            for (std::string line; std::getline(lines, line);)
                if (!line.empty() &&
                    std::ranges::all_of(line, [](unsigned char c) { return std::isdigit(c) != 0; }))
                    ++times[std::stoi(line)];
        }
        return times;
    }
    std::size_t lines_of(const child_process& consumer) const {
        const std::string text = consumer.stdout_text();
        return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }
    void wait_until_all_read() {
        const auto all_read = [&] { return read().size() == static_cast<std::size_t>(produced_); };
        try {
            harness::wait_until(all_read, 60s, "every record to be read");
        } catch (const std::exception&) {
            const auto got = read();
            std::string missing;
            for (int i = 0; i < produced_ && missing.size() < 200; ++i)
                if (!got.contains(i))
                    missing += " " + std::to_string(i);
            for (const auto& consumer : consumers_)
                missing += "\n" + consumer.describe("a consumer");
            FAIL() << "of " << produced_ << " records these were not read:" << missing;
        }
    }

    harness::temp_dir dir_;
    std::optional<harness::broker_server> broker_;
    std::list<child_process> consumers_;
    int produced_ = 0;
};

TEST_F(group_clients, kcat_goes_on_where_the_group_was_also_after_kill_9_of_the_broker) {
    const auto read_to_the_end = [&] {
        child_process& consumer = kcat("shop", {"-e"});
        EXPECT_TRUE(consumer.wait(30s).ok()) << consumer.stderr_text();
        return lines_of(consumer);
    };
    produce(1000);
    EXPECT_EQ(read_to_the_end(), 1000u);
    produce(10);
    broker_->kill();
    broker_->start();
    EXPECT_EQ(read_to_the_end(), 10u);
    EXPECT_EQ(read_to_the_end(), 0u);
    ASSERT_TRUE(broker_->stop().ok());
    broker_->start();
    produce(5);
    EXPECT_EQ(read_to_the_end(), 5u);
    for (const auto& [record, times] : read())
        ASSERT_EQ(times, 1) << "record " << record;
}

TEST_F(group_clients, kcats_come_leave_and_are_killed_and_no_record_is_skipped) {
    produce(500); // and so makes the topic; kcat would look for it again only minutes later
    child_process& first = kcat("shop");
    wait_until_all_read();
    child_process& second = kcat("shop");
    harness::wait_until(
        [&] {
            produce(20);
            return lines_of(second) > 0;
        },
        30s,
        "the second to have its share"
    );
    first.stop(SIGTERM);
    produce(500);
    wait_until_all_read();
    child_process& third = kcat("shop");
    harness::wait_until(
        [&] {
            produce(20);
            return lines_of(third) > 0;
        },
        30s,
        "the third to have its share"
    );
    second.signal(SIGKILL);
    produce(500);
    wait_until_all_read();
}

struct python_group {
    const char* name;
    const char* library;
    const char* assignor;
    bool is_static = false;
};

class python_groups : public group_clients, public testing::WithParamInterface<python_group> {
protected:
    child_process& join(int number) {
        std::vector<std::string> more{"consume", "shop", "orders", GetParam().assignor};
        if (GetParam().is_static)
            more.push_back("instance-" + std::to_string(number));
        return python(GetParam().library, std::move(more));
    }
    void wait_for_share(child_process& of) {
        harness::wait_until(
            [&] {
                produce(20);
                return lines_of(of) > 0;
            },
            30s,
            "the newcomer to have its share"
        );
    }
};

TEST_P(python_groups, rebalance_while_records_are_written_and_none_is_skipped) {
    produce(300);
    child_process& first = join(1);
    wait_until_all_read();
    child_process& second = join(2);
    wait_for_share(second);
    child_process& third = join(3);
    wait_for_share(third);
    second.stop(SIGTERM);
    produce(300);
    wait_until_all_read();
    third.signal(SIGKILL);
    produce(300);
    child_process& again = join(3);
    wait_for_share(again);
    first.signal(SIGKILL);
    produce(300);
    wait_until_all_read();
    EXPECT_TRUE(again.stop(SIGTERM).ok()) << again.stderr_text();
}

INSTANTIATE_TEST_SUITE_P(
    ,
    python_groups,
    testing::Values(
        python_group{"confluent_range", "confluent", "range"},
        python_group{"confluent_roundrobin", "confluent", "roundrobin"},
        python_group{"confluent_cooperative", "confluent", "cooperative-sticky"},
        python_group{"confluent_static", "confluent", "range", true},
        python_group{"kafka_range", "kafka", "range"},
        python_group{"kafka_roundrobin", "kafka", "roundrobin"}
    ),
    [](const auto& of) { return std::string(of.param.name); }
);

TEST_F(group_clients, who_was_stopped_for_longer_than_its_session_cannot_commit) {
    produce(1);
    child_process& stopped = python("confluent", {"hold", "shop", "orders"});
    stopped.wait_for_line("^holding", 30s);
    stopped.signal(SIGSTOP);
    child_process& heir = python("confluent", {"consume", "shop", "orders", "range"});
    harness::wait_until([&] { return lines_of(heir) == 1; }, 30s, "another to read the record");
    stopped.signal(SIGUSR1);
    stopped.signal(SIGCONT);
    EXPECT_THAT(
        stopped.wait_for_line("^(refused|committed)", 30s),
        testing::AnyOf("refused UNKNOWN_MEMBER_ID", "refused ILLEGAL_GENERATION")
    );
}

} // namespace
} // namespace outbox::broker
