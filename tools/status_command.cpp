#include "tools/commands.hpp"
#include "tools/database_option.hpp"

#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace outbox::tools {
namespace {

struct status_options {
    database_option source{};
    bool json = false;
};

std::string seconds(std::chrono::milliseconds duration) {
    std::string text = std::to_string(duration.count() / 1000) + "." +
                       std::to_string(duration.count() % 1000 / 100);
    return text + " s";
}

int status(const status_options& options) {
    const auto source = options.source.open();
    const store_status state = source->open_relay_store()->status(0);
    if (options.json) {
        nlohmann::ordered_json out{
            {"database", source->display_name()},
            {"backlog", state.backlog},
            {"backlog_is_capped", state.backlog >= store_status::backlog_counted_max},
            {"oldest_age_ms", nullptr},
            {"scheduled", state.scheduled},
            {"lease_holder", state.lease_holder},
            {"lease_epoch", state.lease_epoch},
            {"lease_left_ms", state.lease_left.count()},
            {"cursor", state.cursor_text},
        };
        if (state.oldest_age)
            out["oldest_age_ms"] = state.oldest_age->count();
        std::printf("%s\n", out.dump(2).c_str());
        return exit_done;
    }
    const bool capped = state.backlog >= store_status::backlog_counted_max;
    const bool held = state.lease_left.count() > 0;
    std::printf("database    %s\n", source->display_name().c_str());
    std::printf(
        "backlog     %lld%s\n",
        static_cast<long long>(state.backlog),
        capped ? " or more" : ""
    );
    std::printf("oldest      %s\n", state.oldest_age ? seconds(*state.oldest_age).c_str() : "-");
    std::printf("scheduled   %lld\n", static_cast<long long>(state.scheduled));
    if (held)
        std::printf(
            "relay       %s, epoch %lld, lease for another %s\n",
            state.lease_holder.c_str(),
            static_cast<long long>(state.lease_epoch),
            seconds(state.lease_left).c_str()
        );
    else
        std::printf("relay       none: start outbox-watchdog\n");
    std::printf("cursor      %s\n", state.cursor_text.c_str());
    return exit_done;
}

} // namespace

void add_status_command(CLI::App& app, action& chosen) {
    auto options = std::make_shared<status_options>();
    CLI::App* command = app.add_subcommand("status", "Backlog, its age, who relays, and how far");
    add_database_option(*command, options->source);
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback([options, &chosen] { chosen = [options] { return status(*options); }; });
}

} // namespace outbox::tools
