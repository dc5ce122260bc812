#include "harness/postgres_server.hpp"

#include "harness/free_port.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto start_within = 60s;
constexpr auto stop_within = 60s;

// Debian keeps the server's programs out of PATH, one folder per version.
fs::path find_programs() {
    if (const char* named = std::getenv("OUTBOX_PG_BIN"))
        return named;
    fs::path newest;
    int newest_version = 0;
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator{"/usr/lib/postgresql", absent}) {
        const int version = std::atoi(entry.path().filename().c_str());
        if (version > newest_version && fs::exists(entry.path() / "bin/postgres")) {
            newest_version = version;
            newest = entry.path() / "bin";
        }
    }
    return newest.empty() ? system_program("postgres").parent_path() : newest;
}

std::string text_of(const fs::path& file) {
    std::ifstream in{file};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

} // namespace

postgres_server::postgres_server(postgres_options options)
    : options_(std::move(options))
    , programs_(find_programs())
    , user_(::geteuid() == 0 ? "postgres" : "")
    , port_(free_port())
    , owner_(::getpid()) {
    if (!user_.empty()) {
        const passwd* entry = ::getpwnam(user_.c_str());
        if (!entry)
            throw error{
                error_kind::invalid_argument,
                "PostgreSQL refuses to run as root and there is no user " + user_,
                "install the package postgresql, or run as another user"};
        if (::chown(dir_.path().c_str(), entry->pw_uid, entry->pw_gid) != 0)
            throw error{error_kind::io, "cannot give " + dir_.path().string() + " to " + user_};
    }
    const auto made = run_to_end(command(
        "initdb",
        {"-D",
         data_dir(),
         "-A",
         "trust",
         "-U",
         "postgres",
         "-E",
         "UTF8",
         "--locale=C.UTF-8",
         "--no-sync",
         "--no-instructions"}
    ));
    if (!made.status.ok())
        throw error{error_kind::io, "initdb: " + made.stdout_text + made.stderr_text};
    start();
}

postgres_server::~postgres_server() {
    // Not only the postmaster: its sessions must be gone before their directory is.
    try {
        if (postmaster_ && owner_ == ::getpid())
            stop(postgres_stop::immediate);
    } catch (...) { // a server that does not stop is killed with the object
    }
}

child_options
postgres_server::command(const std::string& program, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), (programs_ / program).string());
    return {
        .argv = std::move(arguments),
        .env = {{"HOME", dir_.path()}, {"LC_ALL", "C.UTF-8"}},
        .working_directory = dir_.path(),
        .user = user_,
    };
}

bool postgres_server::answers() const {
    const auto port = std::to_string(port_);
    return run_to_end(command("pg_isready", {"-q", "-h", "127.0.0.1", "-p", port})).status.ok();
}

void postgres_server::start() {
    if (postmaster_)
        throw usage_error{"postgres_server: start() while it runs"};
    std::vector<std::string> arguments{
        "-D",
        data_dir(),
        "-p",
        std::to_string(port_),
        "-k",
        socket_dir(),
    };
    // A small machine runs several of these at once.
    std::vector<std::string> settings{
        "listen_addresses=127.0.0.1",
        "shared_buffers=32MB",
        "max_connections=50",
    };
    settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
    for (const auto& setting : settings) {
        arguments.emplace_back("-c");
        arguments.push_back(setting);
    }
    auto options = command("postgres", std::move(arguments));
    options.stdout_file = options.stderr_file = dir_ / "log";
    auto told_before = log_text().size();
    poll_timer timer{start_within, "PostgreSQL to answer"};
    while (true) {
        if (!postmaster_)
            postmaster_.emplace(options);
        if (!postmaster_->running()) {
            postmaster_.reset();
            // After kill(), a session that has not noticed yet still holds the shared memory.
            const auto log = log_text();
            if (log.find("shared memory block", told_before) == std::string::npos)
                throw error{error_kind::io, "PostgreSQL did not start: " + log};
            told_before = log.size();
        } else if (answers()) {
            return;
        }
        timer.pause();
    }
}

void postgres_server::stop(postgres_stop mode) {
    if (!postmaster_)
        throw usage_error{"postgres_server: stop() while it does not run"};
    postmaster_->stop(mode == postgres_stop::fast ? SIGINT : SIGQUIT, stop_within);
    postmaster_.reset();
}

void postgres_server::kill() {
    if (!postmaster_)
        throw usage_error{"postgres_server: kill() while it does not run"};
    postmaster_->stop(SIGKILL, stop_within);
    postmaster_.reset();
}

void postgres_server::restart(postgres_stop mode) {
    stop(mode);
    start();
}

std::string postgres_server::url(const std::string& database) const {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

std::string postgres_server::log_text() const {
    return text_of(dir_ / "log");
}

std::string postgres_server::psql(const std::string& sql, const std::string& database) const {
    const auto result = run_to_end(command(
        "psql",
        {"-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url(database), "-c", sql}
    ));
    if (!result.status.ok())
        throw error{error_kind::rejected, "psql: " + result.stderr_text};
    return result.stdout_text;
}

} // namespace outbox::harness
