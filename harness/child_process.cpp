#include "harness/child_process.hpp"

#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include <sys/pidfd.h> // glibc 2.36 forgot to say so itself
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <regex>
#include <string_view>
#include <thread>
#include <utility>

namespace outbox::harness {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

[[noreturn]] void throw_errno(int number, const std::string& what) {
    throw error{error_kind::io, what + ": " + std::strerror(number)};
}

// The kernel's "kill me when my parent dies" means the parent *thread*. So one thread, which never
// ends, is the parent of every child.
class spawner {
public:
    static spawner& instance() {
        // Never destroyed: the thread needs it to the last. A child made by a bare fork() has no
        // threads, and gets its own.
        static std::mutex mutex;
        static spawner* one = nullptr;
        static pid_t owner = 0;
        const std::lock_guard lock{mutex};
        if (!one || owner != ::getpid()) {
            one = new spawner;
            owner = ::getpid();
        }
        return *one;
    }

    pid_t run(std::function<pid_t()> task) {
        std::packaged_task<pid_t()> packaged{std::move(task)};
        auto result = packaged.get_future();
        {
            const std::lock_guard lock{mutex_};
            tasks_.push_back(std::move(packaged));
        }
        wake_.notify_one();
        return result.get();
    }

private:
    spawner() {
        std::thread{[this] { loop(); }}.detach();
    }

    void loop() {
        while (true) {
            std::unique_lock lock{mutex_};
            wake_.wait(lock, [this] { return !tasks_.empty(); });
            auto task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            task();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::packaged_task<pid_t()>> tasks_;
};

struct credentials {
    uid_t uid;
    gid_t gid;
};

std::optional<credentials> credentials_of(const std::string& user) {
    if (user.empty())
        return std::nullopt;
    const passwd* entry = ::getpwnam(user.c_str());
    if (!entry)
        throw error{error_kind::invalid_argument, "there is no user " + user + " on this system"};
    if (entry->pw_uid == ::geteuid())
        return std::nullopt;
    return credentials{entry->pw_uid, entry->pw_gid};
}

unique_fd output_to(const std::filesystem::path& file) {
    unique_fd fd{
        file.empty() ? ::memfd_create("outbox-child-output", MFD_CLOEXEC)
                     : ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
    if (!fd)
        throw_errno(errno, "cannot open " + (file.empty() ? "a memory file" : file.string()));
    return fd;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry; ++entry) {
        const std::string_view text{*entry};
        if (!added.contains(std::string{text.substr(0, text.find('='))}))
            result.emplace_back(text);
    }
    for (const auto& [name, value] : added)
        result.push_back(name + "=" + value);
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (auto& text : texts)
        result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

struct launch {
    const char* program;
    char* const* argv;
    char* const* env;
    const char* directory; // or nullptr
    std::optional<credentials> as;
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    int report_fd; // gets errno when the program cannot be run; closed by a successful exec
    pid_t parent;
};

// Runs between fork and exec, so it may only make system calls.
[[noreturn]] void become(const launch& l) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const bool ready =
        ::dup2(l.stdin_fd, STDIN_FILENO) >= 0 && ::dup2(l.stdout_fd, STDOUT_FILENO) >= 0 &&
        ::dup2(l.stderr_fd, STDERR_FILENO) >= 0 && (!l.directory || ::chdir(l.directory) == 0) &&
        (!l.as ||
         (::setgroups(0, nullptr) == 0 && ::setgid(l.as->gid) == 0 && ::setuid(l.as->uid) == 0)) &&
        // After setuid: a change of user clears it.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    if (ready && ::getppid() == l.parent)
        ::execve(l.program, l.argv, l.env);
    const int number = errno;
    [[maybe_unused]] const auto written = ::write(l.report_fd, &number, sizeof number);
    ::_exit(127);
}

std::string whole(const unique_fd& fd) {
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0)
        return {};
    std::string text(static_cast<std::size_t>(info.st_size), '\0');
    std::size_t filled = 0;
    while (filled < text.size()) {
        const auto n = ::pread(
            fd.get(),
            text.data() + filled,
            text.size() - filled,
            static_cast<off_t>(filled)
        );
        if (n <= 0)
            break;
        filled += static_cast<std::size_t>(n);
    }
    text.resize(filled);
    return text;
}

// Remembers how far a stream has been searched, so that a long output is read once.
class line_search {
public:
    line_search(const unique_fd& fd, const std::regex& pattern) : fd_(fd), pattern_(pattern) {}

    std::optional<std::string> next() {
        std::array<char, 4096> block{};
        while (true) {
            const auto n = ::pread(fd_.get(), block.data(), block.size(), offset_);
            if (n <= 0)
                return std::nullopt;
            offset_ += n;
            std::string_view rest{block.data(), static_cast<std::size_t>(n)};
            for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
                line_ += rest.substr(0, end);
                rest.remove_prefix(end + 1);
                auto line = std::exchange(line_, {});
                if (std::regex_search(line, pattern_)) {
                    return line;
                }
            }
            line_ += rest;
        }
    }

private:
    const unique_fd& fd_;
    const std::regex& pattern_;
    off_t offset_ = 0;
    std::string line_;
};

std::string last_of(const std::string& text) {
    constexpr std::size_t shown_bytes_max = 4000;
    return text.size() <= shown_bytes_max ? text : "…" + text.substr(text.size() - shown_bytes_max);
}

} // namespace

std::string to_string(const exit_status& status) {
    return status.signal ? "killed by signal " + std::to_string(status.signal)
                         : "exit code " + std::to_string(status.code);
}

child_process::child_process(child_options options) : owner_(::getpid()) {
    if (options.argv.empty())
        throw usage_error{"child_process: argv is empty"};
    name_ = options.argv.front();
    const std::string program =
        name_.find('/') == name_.npos ? system_program(name_).string() : name_;
    stdout_ = output_to(options.stdout_file);
    stderr_ = output_to(options.stderr_file);
    const unique_fd nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0)
        throw_errno(errno, "cannot make a pipe");
    const unique_fd report_reader{report[0]};
    unique_fd report_writer{report[1]};

    auto env = environment_with(options.env);
    const auto env_pointers = pointers(env);
    const auto argv_pointers = pointers(options.argv);
    const launch l{
        .program = program.c_str(),
        .argv = argv_pointers.data(),
        .env = env_pointers.data(),
        .directory =
            options.working_directory.empty() ? nullptr : options.working_directory.c_str(),
        .as = credentials_of(options.user),
        .stdin_fd = nothing.get(),
        .stdout_fd = stdout_.get(),
        .stderr_fd = stderr_.get(),
        .report_fd = report_writer.get(),
        .parent = ::getpid(),
    };
    pid_ = spawner::instance().run([&l] {
        const pid_t pid = ::fork();
        if (pid == 0)
            become(l);
        return pid;
    });
    if (pid_ < 0)
        throw error{error_kind::io, "cannot fork for " + name_};
    report_writer.reset();
    int number = 0;
    if (::read(report_reader.get(), &number, sizeof number) == sizeof number) {
        give_up();
        throw_errno(number, "cannot start " + program);
    }
    pidfd_ = unique_fd{::pidfd_open(pid_, 0)};
    if (!pidfd_) {
        const int why = errno;
        give_up();
        throw_errno(why, "cannot watch " + name_);
    }
}

child_process::~child_process() {
    give_up();
}

child_process::child_process(child_process&& other) noexcept
    : name_(std::move(other.name_))
    , pid_(std::exchange(other.pid_, -1))
    , owner_(other.owner_)
    , pidfd_(std::move(other.pidfd_))
    , stdout_(std::move(other.stdout_))
    , stderr_(std::move(other.stderr_))
    , ended_(other.ended_) {}

child_process& child_process::operator=(child_process&& other) noexcept {
    if (this != &other) {
        give_up();
        name_ = std::move(other.name_);
        pid_ = std::exchange(other.pid_, -1);
        owner_ = other.owner_;
        pidfd_ = std::move(other.pidfd_);
        stdout_ = std::move(other.stdout_);
        stderr_ = std::move(other.stderr_);
        ended_ = other.ended_;
    }
    return *this;
}

void child_process::give_up() noexcept {
    if (pid_ > 0 && !ended_ && owner_ == ::getpid()) {
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    pid_ = -1;
}

bool child_process::running() {
    if (ended_ || pid_ <= 0)
        return false;
    int raw = 0;
    if (::waitpid(pid_, &raw, WNOHANG) != pid_)
        return true;
    ended_ = WIFSIGNALED(raw) ? exit_status{.code = 0, .signal = WTERMSIG(raw)}
                              : exit_status{.code = WEXITSTATUS(raw), .signal = 0};
    return false;
}

std::string child_process::stdout_text() const {
    return whole(stdout_);
}

std::string child_process::stderr_text() const {
    return whole(stderr_);
}

std::string child_process::wait_for_line(const std::string& pattern, milliseconds within) {
    const std::regex compiled{pattern};
    line_search in_stdout{stdout_, compiled};
    line_search in_stderr{stderr_, compiled};
    poll_timer timer{within, pattern};
    while (true) {
        const bool alive = running(); // asked first: what it wrote before its end is searched below
        if (auto line = in_stdout.next())
            return *line;
        if (auto line = in_stderr.next())
            return *line;
        if (!alive)
            throw timed_out{describe(
                "it ended (" + to_string(*ended_) + ") without a line with '" + pattern + "'"
            )};
        try {
            timer.pause();
        } catch (const timed_out&) {
            throw timed_out{describe(
                "no line with '" + pattern + "' within " + std::to_string(within.count()) + " ms"
            )};
        }
    }
}

void child_process::signal(int number) {
    if (running())
        ::kill(pid_, number);
}

exit_status child_process::wait(milliseconds within) {
    const auto end = steady_clock::now() + within;
    while (running()) {
        const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
        if (left <= milliseconds::zero())
            throw timed_out{
                describe("it did not end within " + std::to_string(within.count()) + " ms")};
        pollfd ready{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
        ::poll(&ready, 1, static_cast<int>(std::min(left, milliseconds{60'000}).count()));
    }
    if (!ended_)
        throw usage_error{"child_process: wait on an object that was moved from"};
    return *ended_;
}

exit_status child_process::stop(int number, milliseconds within) {
    signal(number);
    return wait(within);
}

std::string child_process::describe(const std::string& what) const {
    return name_ + ": " + what + "\n--- stdout\n" + last_of(stdout_text()) + "\n--- stderr\n" +
           last_of(stderr_text()) + "\n---";
}

run_result run_to_end(child_options options, milliseconds within) {
    child_process child{std::move(options)};
    const auto status = child.wait(within);
    return {
        .status = status,
        .stdout_text = child.stdout_text(),
        .stderr_text = child.stderr_text(),
    };
}

} // namespace outbox::harness
