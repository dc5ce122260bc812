#include "harness/child_process.hpp"

#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

child_options shell(const std::string& script) {
    return {.argv = {"sh", "-c", script}};
}

// What else is alive: signal 0 asks without touching. A zombie of another parent counts as gone.
bool is_gone(pid_t pid) {
    std::ifstream status{"/proc/" + std::to_string(pid) + "/stat"};
    std::string text;
    std::getline(status, text);
    return text.empty() || text.find(") Z ") != std::string::npos;
}

TEST(child_process, keeps_stdout_and_stderr_apart) {
    const auto result = run_to_end(shell("echo out; echo err >&2; exit 3"));
    EXPECT_EQ(result.stdout_text, "out\n");
    EXPECT_EQ(result.stderr_text, "err\n");
    EXPECT_EQ(result.status, (exit_status{.code = 3, .signal = 0}));
}

TEST(child_process, more_output_than_any_pipe_holds_does_not_block_it) {
    const auto result = run_to_end(shell("head -c 3000000 /dev/zero"));
    EXPECT_TRUE(result.status.ok());
    EXPECT_EQ(result.stdout_text.size(), 3'000'000U);
}

TEST(child_process, has_the_given_environment_directory_and_empty_stdin) {
    const temp_dir dir;
    auto options = shell("echo $OUTBOX_TEST_WORD; pwd -P; cat");
    options.env = {{"OUTBOX_TEST_WORD", "hello"}};
    options.working_directory = dir.path();
    const auto canonical = std::filesystem::canonical(dir.path()).string();
    EXPECT_EQ(run_to_end(options).stdout_text, "hello\n" + canonical + "\n");
}

TEST(child_process, runs_on_when_a_forked_process_destroys_its_copy) {
    std::optional<child_process> one{shell("sleep 60")};
    const pid_t forked = ::fork();
    if (forked == 0) {
        one.reset();
        ::_exit(0);
    }
    ASSERT_EQ(::waitpid(forked, nullptr, 0), forked);
    EXPECT_EQ(one->stop(SIGTERM), (exit_status{.code = 0, .signal = SIGTERM})) << "not SIGKILL";
}

TEST(child_process, appends_to_files_when_told) {
    const temp_dir dir;
    auto options = shell("echo once");
    options.stdout_file = dir / "log";
    run_to_end(options);
    EXPECT_EQ(run_to_end(options).stdout_text, "once\nonce\n");
}

TEST(child_process, waits_for_a_line_of_either_stream) {
    child_process child{shell("echo starting; echo ready on 17 >&2; exec sleep 60")};
    EXPECT_EQ(child.wait_for_line("ready on [0-9]+", 20s), "ready on 17");
    EXPECT_TRUE(child.running());
    EXPECT_EQ(child.stop(SIGTERM), (exit_status{.code = 0, .signal = SIGTERM}));
}

TEST(child_process, finds_the_last_line_of_one_that_has_ended) {
    child_process child{shell("echo done")};
    child.wait(20s);
    EXPECT_EQ(child.wait_for_line("done", 1ms), "done");
}

TEST(child_process, tells_its_output_when_the_line_never_comes) {
    child_process child{shell("echo port taken >&2; exit 2")};
    try {
        child.wait_for_line("ready", 20s);
        FAIL() << "it returned";
    } catch (const timed_out& e) {
        EXPECT_THAT(e.what(), HasSubstr("port taken"));
        EXPECT_THAT(e.what(), HasSubstr("exit code 2"));
    }
}

TEST(child_process, throws_when_it_outstays_its_time_and_goes_on_running) {
    child_process child{{.argv = {"sleep", "60"}}};
    EXPECT_THROW(child.wait(5ms), timed_out);
    EXPECT_TRUE(child.running());
}

TEST(child_process, is_killed_with_its_object) {
    pid_t pid = 0;
    {
        const child_process child{{.argv = {"sleep", "60"}}};
        pid = child.pid();
        EXPECT_FALSE(is_gone(pid));
    }
    EXPECT_TRUE(is_gone(pid));
}

TEST(child_process, outlives_the_thread_that_started_it) {
    std::optional<child_process> child;
    std::thread{[&child] { child.emplace(child_options{.argv = {"sleep", "60"}}); }}.join();
    // The kernel's signal, were it sent, would be there as soon as the thread is gone.
    EXPECT_THROW(child->wait(50ms), timed_out);
    EXPECT_TRUE(child->running());
}

TEST(child_process, dies_when_its_parent_is_killed) {
    // A process in between starts the grandchild through the class, tells its pid, and is killed.
    const temp_dir dir;
    const auto note = dir / "pid";
    const pid_t between = ::fork();
    if (between == 0) {
        ::alarm(60); // should the test fail, it must not stay
        const child_process grandchild{{.argv = {"sleep", "60"}}};
        std::ofstream{note} << grandchild.pid() << std::endl;
        ::pause();
        ::_exit(0);
    }
    const auto grandchild = wait_until(
        [&note] {
            pid_t pid = 0;
            std::ifstream{note} >> pid;
            return pid;
        },
        20s,
        "the pid of the grandchild"
    );
    EXPECT_FALSE(is_gone(grandchild));
    ::kill(between, SIGKILL);
    wait_until([grandchild] { return is_gone(grandchild); }, 20s, "the grandchild to die");
    ::waitpid(between, nullptr, 0);
}

TEST(child_process, refuses_a_program_that_is_not_there) {
    EXPECT_THROW(child_process({.argv = {"/no/such/program"}}), error);
    EXPECT_THROW(child_process({.argv = {"no-such-program-anywhere"}}), error);
}

} // namespace
} // namespace outbox::harness
