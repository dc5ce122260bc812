#include "harness/redis_server.hpp"

#include "harness/free_port.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"

#include <fstream>
#include <sstream>
#include <utility>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;

constexpr auto start_within = 60s;
constexpr auto stop_within = 60s;

} // namespace

redis_server::redis_server(redis_options options)
    : options_(std::move(options))
    , port_(free_port()) {
    start();
}

void redis_server::start() {
    if (server_)
        throw usage_error{"redis_server: start() while it runs"};
    {
        std::ofstream settings{dir_ / "redis.conf"};
        settings << "bind 127.0.0.1\nport " << port_ << "\ndir " << dir_.path().string()
                 << "\nsave \"\"\nappendonly yes\nappendfsync always\n"
                 << "maxmemory-policy noeviction\n";
        for (const std::string& setting : options_.settings)
            settings << setting << '\n';
    }
    server_.emplace(child_options{
        .argv = {system_program("redis-server"), (dir_ / "redis.conf").string()},
        .working_directory = dir_.path(),
        .stdout_file = dir_ / "log",
        .stderr_file = dir_ / "log",
    });
    poll_timer timer{start_within, "Redis to answer"};
    while (!answers()) {
        if (!server_->running()) {
            server_.reset();
            throw error{error_kind::io, "Redis did not start: " + log_text()};
        }
        timer.pause();
    }
}

void redis_server::stop() {
    if (!server_)
        throw usage_error{"redis_server: stop() while it does not run"};
    server_->stop(SIGTERM, stop_within);
    server_.reset();
}

void redis_server::kill() {
    if (!server_)
        throw usage_error{"redis_server: kill() while it does not run"};
    server_->stop(SIGKILL, stop_within);
    server_.reset();
}

void redis_server::freeze() {
    if (!server_)
        throw usage_error{"redis_server: freeze() while it does not run"};
    server_->signal(SIGSTOP);
}

void redis_server::thaw() {
    if (!server_)
        throw usage_error{"redis_server: thaw() while it does not run"};
    server_->signal(SIGCONT);
}

std::string redis_server::log_text() const {
    std::ifstream in{dir_ / "log"};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::string redis_server::run(const std::vector<std::string>& command) const {
    std::vector<std::string>
        argv{system_program("redis-cli"), "-h", "127.0.0.1", "-p", std::to_string(port_), "-e"};
    argv.insert(argv.end(), command.begin(), command.end());
    const auto result = run_to_end({.argv = std::move(argv)});
    if (!result.status.ok())
        throw error{error_kind::rejected, "redis-cli: " + result.stdout_text + result.stderr_text};
    std::string text = result.stdout_text;
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

bool redis_server::answers() const {
    try {
        return run({"ping"}) == "PONG";
    } catch (const error&) {
        return false;
    }
}

} // namespace outbox::harness
