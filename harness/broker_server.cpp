#include "harness/broker_server.hpp"

#include "harness/free_port.hpp"
#include "harness/program_path.hpp"
#include "outbox/base/error.hpp"

#include <utility>

namespace outbox::harness {

using namespace std::chrono_literals;

broker_server::broker_server(broker_options options)
    : options_(std::move(options))
    , port_(free_port()) {
    if (options_.data_dir.empty())
        options_.data_dir = dir_ / "broker";
    if (options_.program.empty())
        options_.program = our_program("outbox-broker");
    start();
}

void broker_server::start(std::map<std::string, std::string> env) {
    if (process_)
        throw usage_error{"broker_server: start() while it runs"};
    std::vector<std::string> argv{
        options_.program,
        "--data-dir",
        options_.data_dir,
        "--listen",
        address(),
    };
    argv.insert(argv.end(), options_.arguments.begin(), options_.arguments.end());
    env.insert(options_.env.begin(), options_.env.end());
    process_.emplace(child_options{.argv = std::move(argv), .env = std::move(env)});
    try {
        process_->wait_for_line("^outbox-broker listening on " + address() + "$", 60s);
    } catch (...) {
        process_.reset();
        throw;
    }
}

child_process& broker_server::process() {
    if (!process_)
        throw usage_error{"broker_server: it does not run"};
    return *process_;
}

exit_status broker_server::stop() {
    const auto status = process().stop(SIGTERM);
    process_.reset();
    return status;
}

void broker_server::kill() {
    process().stop(SIGKILL);
    process_.reset();
}

} // namespace outbox::harness
