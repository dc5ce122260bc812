#pragma once
// A broker, a topic "orders" with numbered records, and consumers that people have, unmodified: who
// has read what is counted.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <list>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace outbox::broker::test {

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

} // namespace outbox::broker::test
