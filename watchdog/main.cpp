// outbox-watchdog: relays the outboxes of the databases that its configuration names, and goes on
// where any process that died left off. Any number of them may run; the lease in each database lets
// one work.

#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"
#include "watchdog/config.hpp"
#include "watchdog/supervisor.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>

namespace {

// Exit codes of all our programs: 0 done, 1 failed, 2 told something wrong.
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

// Blocked before the first thread is made, so that every thread inherits it and only await_signal()
// sees them.
sigset_t block_stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return signals;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Relays committed messages from business databases to a broker.",
        "outbox-watchdog"};
    std::string config_file;
    app.add_option("--config", config_file, "TOML file: which databases, and where to")->required();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : exit_usage;
    }
    try {
        const sigset_t signals = block_stop_signals();
        const auto config = outbox::watchdog::read_config(config_file);
        outbox::set_log_sink(outbox::stderr_log_sink(config.least_logged));
        outbox::watchdog::supervisor supervisor{config};
        supervisor.start();
        std::printf("outbox-watchdog relaying %zu databases\n", supervisor.relay_count());
        std::fflush(stdout);
        int signal_number = 0;
        sigwait(&signals, &signal_number);
        // A second signal means now: what is not recorded is sent again by the next relay.
        std::signal(SIGTERM, SIG_DFL);
        std::signal(SIGINT, SIG_DFL);
        pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
        supervisor.stop();
        return 0;
    } catch (const outbox::error& e) {
        std::fprintf(stderr, "outbox-watchdog: %s\n", e.what());
        return e.kind() == outbox::error_kind::invalid_argument ? exit_usage : exit_failed;
    }
}
