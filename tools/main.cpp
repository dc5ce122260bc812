// outbox: the command line for people and scripts.

#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"
#include "tools/commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace {

int exit_code(outbox::error_kind kind) {
    switch (kind) {
    case outbox::error_kind::invalid_argument:
        return outbox::tools::exit_usage;
    case outbox::error_kind::unreachable:
        return outbox::tools::exit_unreachable;
    default:
        return outbox::tools::exit_failed;
    }
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"The transactional outbox: send, look, migrate, and see it work.", "outbox"};
    app.require_subcommand(1);
    outbox::tools::action chosen;
    outbox::tools::add_send_command(app, chosen);
    outbox::tools::add_status_command(app, chosen);
    outbox::tools::add_migrate_command(app, chosen);
    outbox::tools::add_dead_command(app, chosen);
    outbox::tools::add_message_command(app, chosen);
    outbox::tools::add_demo_command(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? outbox::tools::exit_done : outbox::tools::exit_usage;
    }
    try {
        outbox::set_log_sink(outbox::stderr_log_sink(outbox::log_level::warning));
        return chosen();
    } catch (const outbox::error& e) {
        std::fprintf(stderr, "outbox: %s\n", e.what());
        return exit_code(e.kind());
    } catch (const std::exception& e) { // of a database's own client, or of the demo's patience
        std::fprintf(stderr, "outbox: %s\n", e.what());
        return outbox::tools::exit_failed;
    }
}
