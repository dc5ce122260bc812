#pragma once
// One program, started by a test, that cannot outlive it.
//
// The object is the process: it runs from the constructor until it ends by itself, and the
// destructor kills it (SIGKILL, this one process only) and reaps it. If the test itself is killed,
// the kernel kills the child. Any thread may start one, and may end before it. A copy of the object
// in a process that the test forks does nothing at its end.
//
// What the child writes is kept in memory, apart for stdout and stderr, and can be read while it
// runs. The child never blocks on a full pipe. Its stdin is empty.

#include "outbox/base/unique_fd.hpp"

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outbox::harness {

struct exit_status {
    int code = 0;   // what it returned, when signal is 0
    int signal = 0; // what killed it, or 0

    bool ok() const noexcept { return code == 0 && signal == 0; }
    bool operator==(const exit_status&) const = default;
};

/// "exit code 2", "killed by signal 9".
std::string to_string(const exit_status& status);

struct child_options {
    /// The program and its arguments; a program without '/' is looked up in PATH.
    std::vector<std::string> argv = {};
    /// Added to this process's environment.
    std::map<std::string, std::string> env = {};
    /// Where it runs; empty: where this process runs.
    std::filesystem::path working_directory = {};
    /// The user it runs as; only root can ask for another. Empty: as this process.
    std::string user = {};
    /// Files that its output is appended to, instead of memory.
    std::filesystem::path stdout_file = {};
    std::filesystem::path stderr_file = {};
};

class child_process {
public:
    /// Throws outbox::error when the program cannot be started.
    explicit child_process(child_options options);
    ~child_process();
    child_process(child_process&&) noexcept;
    child_process& operator=(child_process&&) noexcept;

    pid_t pid() const noexcept { return pid_; }
    bool running();

    /// Everything it has written so far. After wait() that is all.
    std::string stdout_text() const;
    std::string stderr_text() const;

    /// Waits for a whole line, in either stream, in which the ECMAScript `pattern` is found;
    /// returns that line, without its newline. Throws timed_out, with the last of the output, when
    /// the time is over or the child has ended without.
    std::string wait_for_line(const std::string& pattern, std::chrono::milliseconds within);

    /// Sends a signal; does nothing when it has ended already.
    void signal(int number);

    /// Waits for its end. Throws timed_out, with the last of its output, when the time is over; it
    /// then still runs.
    exit_status wait(std::chrono::milliseconds within);

    /// signal(number) and wait(within).
    exit_status
    stop(int number = SIGTERM, std::chrono::milliseconds within = std::chrono::seconds{30});

    /// What failed and the last of both streams, for a message to a person.
    std::string describe(const std::string& what) const;

private:
    void give_up() noexcept;

    std::string name_;
    pid_t pid_ = -1;
    pid_t owner_;
    unique_fd pidfd_;
    unique_fd stdout_;
    unique_fd stderr_;
    std::optional<exit_status> ended_;
};

struct run_result {
    exit_status status;
    std::string stdout_text;
    std::string stderr_text;
};

/// Runs a program to its end. Throws timed_out after `within`, and the program is killed.
run_result
run_to_end(child_options options, std::chrono::milliseconds within = std::chrono::seconds{60});

} // namespace outbox::harness
