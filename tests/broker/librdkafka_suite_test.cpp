// librdkafka's own tests of groups, unmodified, against outbox-broker. `./run test` fetches and
// builds them, with the librdkafka that is installed.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "tests/broker/librdkafka_cases.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using test::left_out;
using test::suite_run;

/// How many run at once: they mostly wait, and each has up to eight clients.
constexpr std::size_t at_once_max = 8;

std::string name_of(const suite_run& run) {
    return run.only.empty() ? run.test : run.test + " " + run.only;
}

/// What the runner said of each sub-test; without the line of the source and the time it took.
struct told {
    std::multiset<std::string> passed;
    std::multiset<std::string> other; // failed or skipped
};

told read_report(const std::string& text) {
    static const std::regex line_of_a_case(R"(\[ (.+): (PASS|FAIL|SKIP)\b)");
    static const std::regex line_of_source(R"(^([A-Za-z_0-9]+):[0-9]+)");
    told all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::smatch found;
        if (!std::regex_search(line, found, line_of_a_case))
            continue;
        const std::string name = std::regex_replace(found[1].str(), line_of_source, "$1");
        (found[2] == "PASS" ? all.passed : all.other).insert(name);
    }
    return all;
}

/// The last lines, without those that count the seconds.
std::string end_of(const std::string& text) {
    std::vector<std::string> kept;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.find("test(s) running") == std::string::npos)
            kept.push_back(line);
    std::string end;
    for (std::size_t i = kept.size() > 40 ? kept.size() - 40 : 0; i < kept.size(); ++i)
        end += kept[i] + "\n";
    return end;
}

/// Why the run does not count as passed; empty if it does.
std::string judge(const suite_run& run, const harness::run_result& result) {
    const std::string text = result.stdout_text + result.stderr_text;
    std::string why;
    if (!result.status.ok())
        why += "the runner ended with " + to_string(result.status) + "\n";
    if (!std::regex_search(text, std::regex("Test " + run.test + "\\w* PASSED")))
        why += "the runner did not say that it passed\n";
    const told report = read_report(text);
    for (const std::string& name : run.cases)
        if (!report.passed.contains(name))
            why += "not reported as passed: " + name + "\n";
    for (const auto& reported : {report.passed, report.other})
        for (const std::string& name : reported)
            if (std::ranges::find(run.cases, name) == run.cases.end())
                why += "reported, and not on the list of cases: " + name + "\n";
    for (const std::string& name : report.other)
        why += "failed or skipped: " + name + "\n";
    return why.empty() ? why : name_of(run) + ":\n" + why + end_of(text);
}

/// One test of theirs, the runs of it at the same time, on a broker as it comes.
class librdkafka_suite : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        ASSERT_TRUE(std::filesystem::exists(runner()))
            << "librdkafka's own tests are not in " << runner() << "; `./run test` fetches them";
    }
    static std::filesystem::path runner() { return OUTBOX_LIBRDKAFKA_RUNNER; }

    std::string run(const suite_run& what) const {
        const harness::temp_dir dir; // they write their statistics where they run
        std::ofstream(dir / "test.conf") << "metadata.broker.list=" << broker_.address()
                                         << "\ntest.topic.random=true\ntest.timeout.multiplier=3\n";
        std::map<std::string, std::string> env{{"TESTS", what.test}};
        if (!what.only.empty())
            env["SUBTESTS"] = what.only;
        try {
            return judge(
                what,
                harness::run_to_end(
                    {// one after the other, no socket emulation, nothing without a broker
                     .argv = {runner(), "-p1", "-E", "-L"},
                     .env = std::move(env),
                     .working_directory = dir.path()},
                    200s
                )
            );
        } catch (const std::exception& failed) {
            return name_of(what) + ": " + failed.what();
        }
    }

    harness::broker_server broker_;
};

TEST_P(librdkafka_suite, passes_by_name) {
    std::vector<suite_run> runs;
    std::ranges::copy_if(test::must_pass, std::back_inserter(runs), [](const suite_run& run) {
        return run.test == GetParam();
    });
    ASSERT_FALSE(runs.empty());
    std::atomic<std::size_t> next = 0;
    std::vector<std::string> failures(runs.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < std::min(at_once_max, runs.size()); ++i)
            threads.emplace_back([&] {
                for (std::size_t mine = next++; mine < runs.size(); mine = next++)
                    failures[mine] = run(runs[mine]);
            });
    }
    for (const std::string& failure : failures)
        if (!failure.empty())
            ADD_FAILURE() << failure;
    EXPECT_EQ(broker_.stop(), harness::exit_status{});
}

std::vector<std::string> tests_on_the_list() {
    std::set<std::string> numbers;
    for (const suite_run& run : test::must_pass)
        numbers.insert(run.test);
    return {numbers.begin(), numbers.end()};
}

INSTANTIATE_TEST_SUITE_P(
    group_tests,
    librdkafka_suite,
    testing::ValuesIn(tests_on_the_list()),
    [](const auto& tested) { return "number_" + tested.param; }
);

TEST(librdkafka_report, what_is_not_reported_as_passed_is_a_failure) {
    const suite_run wanted{
        .test = "0018",
        .only = "do_test",
        .cases = {"do_test: with_queue=false"}};
    const std::string passed = "=== Test 0018_cgrp_term PASSED ===\n";
    const std::string good = "\x1b[32m[ do_test:191: with_queue=false: PASS (9.15s) ]\n";
    EXPECT_EQ(judge(wanted, {{}, good + passed, ""}), "");
    // Their quick mode: nothing was done, and it passed.
    EXPECT_THAT(
        judge(wanted, {{}, passed, ""}),
        testing::HasSubstr("not reported as passed: do_test: with_queue=false")
    );
    EXPECT_THAT(
        judge(wanted, {{}, "[ do_test:191: with_queue=false: SKIP: no time ]\n" + passed, ""}),
        testing::HasSubstr("failed or skipped: do_test: with_queue=false")
    );
    EXPECT_THAT(
        judge(wanted, {{}, good + "[ do_test:191: with_queue=true: PASS (1s) ]\n" + passed, ""}),
        testing::HasSubstr("not on the list of cases: do_test: with_queue=true")
    );
    EXPECT_THAT(judge(wanted, {{}, good, ""}), testing::HasSubstr("did not say that it passed"));
    EXPECT_THAT(judge(wanted, {{1, 0}, good + passed, ""}), testing::HasSubstr("exit code 1"));
}

TEST(librdkafka_report, nothing_is_both_required_and_left_out) {
    for (const left_out& out : test::not_required) {
        EXPECT_NE(out.why, "") << out.test << " " << out.only;
        for (const suite_run& run : test::must_pass)
            EXPECT_FALSE(run.test == out.test && (run.only.empty() || run.only == out.only))
                << name_of(run);
    }
}

} // namespace
} // namespace outbox::broker
