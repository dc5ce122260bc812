#include "outbox/base/error.hpp"
#include "outbox/store/any/open_database.hpp"
#include "tools/commands.hpp"
#include "tools/database_option.hpp"
#include "tools/migration_export.hpp"

#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace outbox::tools {
namespace {

struct migrate_options {
    database_option source{};
    std::string kind{};
    std::optional<int> version{};
    int target = 0;
    std::string format{};
    std::string folder{};
    long long start_version = 1;
    bool force = false;
    bool dry_run = false;
    bool down = false;
    bool json = false;
};

const char* word_for(const migration_state& state) {
    if (state.unfinished)
        return "unfinished";
    if (state.altered)
        return "altered";
    return state.applied ? "applied" : "missing";
}

nlohmann::ordered_json to_json(const std::vector<migration_state>& states) {
    auto list = nlohmann::ordered_json::array();
    for (const migration_state& state : states)
        list.push_back(
            {{"version", state.version}, {"name", state.name}, {"state", word_for(state)}}
        );
    return list;
}

void print(const nlohmann::ordered_json& out) {
    std::printf("%s\n", out.dump(2).c_str());
}

void print(const char* what_happened, const std::vector<migration_state>& states) {
    for (const migration_state& state : states)
        std::printf("%s %03d %s\n", what_happened, state.version, state.name.c_str());
}

int up(const migrate_options& options) {
    const auto migrator = options.source.open()->open_migrator();
    if (options.dry_run) {
        std::printf("%s", migrator->up_sql().c_str());
        return exit_done;
    }
    const auto applied = migrator->up();
    print("applied", applied);
    if (applied.empty())
        std::printf("nothing to do: the outbox tables are current\n");
    return exit_done;
}

int down(const migrate_options& options) {
    const auto migrator = options.source.open()->open_migrator();
    if (options.dry_run) {
        std::printf("%s", migrator->down_sql(options.target).c_str());
        return exit_done;
    }
    const auto removed = migrator->down(
        options.target,
        options.force ? if_undelivered::lose_them : if_undelivered::refuse
    );
    print("took back", removed);
    if (removed.empty())
        std::printf("nothing to do: no later version is applied\n");
    return exit_done;
}

int show(const migrate_options& options) {
    const auto source = options.source.open();
    const auto states = source->open_migrator()->status();
    if (options.json) {
        print({{"database", source->display_name()}, {"versions", to_json(states)}});
        return exit_done;
    }
    for (const migration_state& state : states)
        std::printf("%03d %-20s %s\n", state.version, state.name.c_str(), word_for(state));
    return exit_done;
}

int validate(const migrate_options& options) {
    const auto source = options.source.open();
    const auto states = source->open_migrator()->status();
    std::optional<error> problem;
    try {
        require_current(states, source->name());
    } catch (const error& e) {
        problem = e;
    }
    if (options.json) {
        nlohmann::ordered_json out{
            {"database", source->display_name()},
            {"current", !problem},
            {"problem", nullptr},
            {"versions", to_json(states)}};
        if (problem)
            out["problem"] = problem->what();
        print(out);
    } else if (!problem) {
        std::printf("the outbox tables are current\n");
    }
    if (!problem)
        return exit_done;
    std::fprintf(stderr, "outbox: %s\n", problem->what());
    return exit_check;
}

// As `up` and `down` would run it, recording included: what is applied by other means is known to
// the library, too.
int get(const migrate_options& options) {
    const migration_dialect& known = dialect_of(options.kind);
    const outbox_name name{options.source.name};
    std::vector<const migration*> chosen;
    for (const migration& m : known.versions) {
        if (!options.version || *options.version == m.version)
            chosen.push_back(&m);
    }
    if (chosen.empty())
        throw error(
            error_kind::invalid_argument,
            "there is no version " + std::to_string(*options.version) + " for " + options.kind,
            "leave --version out to see all"
        );
    if (options.down)
        std::ranges::reverse(chosen);
    for (const migration* m : chosen) {
        std::printf("-- version %d, %s\n", m->version, std::string{m->name}.c_str());
        for (const std::string& step : options.down ? down_steps(known, *m) : up_steps(known, *m))
            std::printf("%s", name.in(step).c_str());
    }
    return exit_done;
}

std::optional<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in)
        return std::nullopt;
    return std::string{std::istreambuf_iterator<char>{in}, {}};
}

// Looks at all files before it writes the first: what others have applied is never changed under
// their hands.
int export_files(const migrate_options& options) {
    const auto files = export_migrations(
        dialect_of(options.kind),
        outbox_name{options.source.name},
        options.format,
        options.start_version
    );
    const std::filesystem::path folder = options.folder;
    for (const exported_file& file : files) {
        const auto there = read_file(folder / file.path);
        if (there && *there != file.text)
            throw error(
                error_kind::conflict,
                (folder / file.path).string() + " is there already and is another",
                "choose another --start-version or --out; a migration that was applied is never "
                "edited"
            );
    }
    for (const exported_file& file : files) {
        const std::filesystem::path path = folder / file.path;
        std::error_code ignored; // then the file cannot be written either, which is said
        std::filesystem::create_directories(path.parent_path(), ignored);
        std::ofstream out{path, std::ios::binary};
        if (!(out << file.text) || !out.flush())
            throw error(
                error_kind::io,
                "cannot write " + path.string(),
                "check the folder's permissions"
            );
        std::printf("%s\n", path.c_str());
    }
    if (const std::string advice = export_advice(options.format); !advice.empty())
        std::fprintf(stderr, "outbox: %s\n", advice.c_str());
    return exit_done;
}

int grants(const migrate_options& options) {
    std::printf(
        "%s",
        outbox_name{options.source.name}.in(dialect_of(options.kind).grants_sql).c_str()
    );
    return exit_done;
}

} // namespace

void add_migrate_command(CLI::App& app, action& chosen) {
    CLI::App* command =
        app.add_subcommand("migrate", "Make, check or remove the outbox tables of a database");
    command->require_subcommand(1);
    auto options = std::make_shared<migrate_options>();
    const auto add = [&](const char* name, const char* what, int (*run)(const migrate_options&)) {
        CLI::App* sub = command->add_subcommand(name, what);
        sub->callback([options, run, &chosen] { chosen = [options, run] { return run(*options); }; }
        );
        return sub;
    };
    const auto add_on_database =
        [&](const char* name, const char* what, int (*run)(const migrate_options&)) {
            CLI::App* sub = add(name, what, run);
            add_database_option(*sub, options->source);
            return sub;
        };
    const char* dry_run = "print the SQL that would run, and change nothing";
    const char* json = "print one JSON object";

    CLI::App* sub = add_on_database("up", "apply what is missing", up);
    sub->add_flag("--dry-run", options->dry_run, dry_run);

    sub = add_on_database("down", "take back every version above the target", down);
    sub->add_option("--target", options->target, "the version to stay at; 0 removes everything")
        ->required();
    sub->add_flag("--force", options->force, "also when undelivered messages are lost");
    sub->add_flag("--dry-run", options->dry_run, dry_run);

    sub = add_on_database("status", "list the versions", show);
    sub->add_flag("--json", options->json, json);

    sub = add_on_database("validate", "exit 4 unless they are current and unaltered", validate);
    sub->add_flag("--json", options->json, json);

    const auto add_on_kind =
        [&](const char* name, const char* what, int (*run)(const migrate_options&)) {
            CLI::App* made = add(name, what, run);
            made->add_option("--db-kind", options->kind, "postgresql, mysql or sqlite")->required();
            add_name_option(*made, options->source.name);
            return made;
        };
    sub = add_on_kind("get", "print the SQL of the versions; needs no database", get);
    sub->add_option("--version", options->version, "this one only");
    sub->add_flag("--down", options->down, "the way back");

    sub = add_on_kind(
        "export",
        "write the versions as files of another migration tool",
        export_files
    );
    sub->add_option("--format", options->format, export_formats())->required();
    sub->add_option("--out", options->folder, "the folder, made if need be")->required();
    sub->add_option(
        "--start-version",
        options->start_version,
        "the tool's number for our first version; 1 when not given"
    );

    add_on_kind("grants", "print the SQL of the five roles; needs no database", grants);
}

} // namespace outbox::tools
