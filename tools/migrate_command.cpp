#include "outbox/base/error.hpp"
#include "outbox/store/any/open_database.hpp"
#include "tools/commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace outbox::tools {
namespace {

int up(const std::string& url) {
    const auto applied = open_database(url)->open_migrator()->up();
    for (const migration_state& state : applied)
        std::printf("applied %03d %s\n", state.version, state.name.c_str());
    if (applied.empty())
        std::printf("nothing to do: the outbox tables are current\n");
    return exit_done;
}

int show(const std::string& url) {
    for (const migration_state& state : open_database(url)->open_migrator()->status())
        std::printf(
            "%03d %-20s %s\n",
            state.version,
            state.name.c_str(),
            state.altered ? "altered" : state.applied ? "applied" : "missing"
        );
    return exit_done;
}

int validate(const std::string& url) {
    try {
        require_current(open_database(url)->open_migrator()->status());
    } catch (const error& e) {
        if (e.kind() != error_kind::schema_mismatch)
            throw;
        std::fprintf(stderr, "outbox: %s\n", e.what());
        return exit_check;
    }
    std::printf("the outbox tables are current\n");
    return exit_done;
}

} // namespace

void add_migrate_command(CLI::App& app, action& chosen) {
    CLI::App* command = app.add_subcommand("migrate", "Make or check the outbox tables of a database");
    command->require_subcommand(1);
    const auto add = [&](const char* name, const char* what, int (*run)(const std::string&)) {
        auto url = std::make_shared<std::string>();
        CLI::App* sub = command->add_subcommand(name, what);
        sub->add_option("--db", *url, "postgresql://… or sqlite:PATH")->required();
        sub->callback([url, run, &chosen] { chosen = [url, run] { return run(*url); }; });
    };
    add("up", "apply what is missing", up);
    add("status", "list the versions", show);
    add("validate", "exit 4 unless they are current and unaltered", validate);
}

} // namespace outbox::tools
