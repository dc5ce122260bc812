// What `outbox migrate export` writes, applied by the databases' own clients, or cut and sent as
// the tools do it. Then the library must accept the tables, and the way back must leave nothing.
#include "harness/child_process.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "tests/store/doors/mysql_own.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace outbox::tools {
namespace {

harness::run_result run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), harness::our_program("outbox").string());
    return harness::run_to_end({.argv = std::move(arguments)});
}

/// Path below the folder, and text.
using tree = std::map<std::string, std::string>;

tree read_tree(const std::filesystem::path& folder) {
    tree found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
        std::ifstream in{entry.path(), std::ios::binary};
        if (entry.is_regular_file())
            found[entry.path().lexically_relative(folder).string()] = {
                std::istreambuf_iterator<char>{in},
                {}};
    }
    return found;
}

bool is_in(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

std::string between(const std::string& text, const std::string& from, const std::string& to) {
    const std::size_t begin = text.find(from) + from.size();
    return text.substr(begin, to.empty() ? std::string::npos : text.find(to) - begin);
}

/// Formatted SQL as Liquibase reads it: which lines are commands, also where a comment of ours
/// happens to look like one, and which are sent.
struct changeset {
    std::string attributes{};
    std::string sql{};
    std::string rollback{};
};

std::vector<changeset> changesets_of(const std::string& text) {
    static const std::regex begins{R"(\s*--\s*changeset\s(.*))"};
    static const std::regex takes_back{R"(\s*--\s*rollback\s(.*))"};
    std::vector<changeset> found;
    std::istringstream lines{text};
    std::smatch part;
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_match(line, part, begins))
            found.push_back({.attributes = part[1].str() + " "});
        else if (std::regex_match(line, part, takes_back) && part[1] != "not required")
            found.back().rollback += part[1].str() + "\n";
        else if (!std::regex_match(line, takes_back) && !found.empty())
            found.back().sql += line + "\n";
    }
    return found;
}

/// The last changeset first.
std::string rollbacks(const std::string& text) {
    std::string sql;
    auto all = changesets_of(text);
    std::ranges::reverse(all);
    for (const changeset& each : all)
        sql += each.rollback;
    return sql;
}

/// What a tool would run for each version, up in order and down in the order of taking back.
struct scripts {
    std::vector<std::string> up{};
    std::vector<std::string> down{};
};

scripts scripts_of(const std::string& format, const tree& files) {
    scripts found;
    for (const auto& [path, text] : files) {
        if (format == "goose") {
            found.up.push_back(between(text, "-- +goose Up\n", "-- +goose Down\n"));
            found.down.push_back(between(text, "-- +goose Down\n", ""));
        } else if (format == "dbmate") {
            found.up.push_back(between(text, "-- migrate:up\n", "-- migrate:down\n"));
            found.down.push_back(between(text, "-- migrate:down\n", ""));
        } else if (format == "liquibase") {
            found.up.push_back(text);
            found.down.push_back(rollbacks(text));
        } else if (path.starts_with("U") || is_in(path, ".down.") || path.starts_with("revert/")) {
            found.down.push_back(text);
        } else if (path.ends_with(".sql") && !path.starts_with("verify/")) {
            found.up.push_back(text);
        }
    }
    std::ranges::reverse(found.down);
    return found;
}

/// What a tool that has no client of the database at hand sends of a script, one text after the
/// other.
std::vector<std::string> texts_of(const std::string& format, const std::string& script) {
    std::vector<std::string> texts;
    std::istringstream lines{script};
    std::string text;
    if (format == "goose") {
        // A statement ends with the line that ends with a semicolon, unless it is marked. Comments
        // in front of it are dropped.
        bool marked = false;
        for (std::string line; std::getline(lines, line);) {
            const bool begins = line == "-- +goose StatementBegin";
            const bool ends = line == "-- +goose StatementEnd";
            marked = (marked || begins) && !ends;
            if (!begins && !ends && (!text.empty() || !(line.empty() || line.starts_with("--"))))
                text += line + "\n";
            const std::string code = line.substr(0, line.find(" --"));
            if (ends || (!marked && code.ends_with(';') && !line.starts_with("--"))) {
                texts.push_back(text);
                text.clear();
            }
        }
        EXPECT_EQ(text, "") << "it would miss a semicolon";
    } else if (format == "liquibase" && is_in(script, "--changeset")) {
        for (const changeset& each : changesets_of(script)) {
            EXPECT_TRUE(is_in(each.attributes, " splitStatements:false ")) << each.attributes;
            texts.push_back(each.sql);
        }
    } else if (format == "liquibase") { // the way back is cut at semicolons
        for (std::string line; std::getline(lines, line, ';');)
            if (line != "\n")
                texts.push_back(line);
    } else if (format == "atlas") {
        const std::string delimiter = between(script, "-- atlas:delimiter ", "\n");
        std::size_t at = script.find('\n');
        for (std::size_t end = 0; (end = script.find(delimiter, at)) != std::string::npos;
             at = end + delimiter.size())
            texts.push_back(script.substr(at, end - at));
    } else { // golang-migrate and dbmate: all of it at once
        texts.push_back(script);
    }
    return texts;
}

/// A connection as a tool has it that speaks the protocol.
class protocol_session {
public:
    protocol_session(std::uint16_t port, const std::string& place, unsigned long flags)
        : db_(doors::connect_mysql(port, place, flags)) {}

    void run(const std::string& text) {
        doors::run_text(*db_, text);
        int left = 0;
        do
            mysql_free_result(mysql_store_result(db_.get()));
        while ((left = mysql_next_result(db_.get())) == 0);
        if (left > 0)
            throw std::runtime_error(mysql_error(db_.get()));
    }

private:
    doors::mysql_handle db_;
};

class migration_export : public testing::TestWithParam<std::string> {
protected:
    harness::temp_dir folder;
    std::string name = "outbox";

    /// With the name of the outbox behind `arguments`.
    harness::run_result run_named(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--schema", name});
        return run(std::move(arguments));
    }
    tree write(const std::string& kind) {
        const auto result = run_named(
            {"migrate",
             "export",
             "--format",
             GetParam(),
             "--db-kind",
             kind,
             "--out",
             (folder / kind).string()}
        );
        EXPECT_TRUE(result.status.ok()) << result.stderr_text;
        return read_tree(folder / kind);
    }
    template <class Execute>
    void apply_and_take_back(const tree& files, const std::string& url, Execute&& execute) {
        const scripts found = scripts_of(GetParam(), files);
        ASSERT_FALSE(found.up.empty());
        for (const std::string& sql : found.up)
            execute(sql);
        const auto valid = run_named({"migrate", "validate", "--db", url});
        EXPECT_TRUE(valid.status.ok()) << valid.stderr_text;
        EXPECT_TRUE(run_named({"send", "--db", url, "--subject", "a", "--payload", "x"}).status.ok()
        );
        EXPECT_TRUE(is_in(run_named({"status", "--db", url}).stdout_text, "backlog     1\n"));
        if (GetParam() == "atlas") // it finds the way back itself
            return;
        ASSERT_EQ(found.down.size(), found.up.size());
        for (const std::string& sql : found.down)
            execute(sql);
        EXPECT_TRUE(
            is_in(run_named({"migrate", "validate", "--db", url}).stderr_text, "lack version 1")
        );
        EXPECT_TRUE(run_named({"migrate", "up", "--db", url}).status.ok()) << "something was left";
    }
    void make_on_sqlite() {
        const std::string path = (folder / "shop.db").string();
        apply_and_take_back(write("sqlite"), "sqlite:" + path, [&](const std::string& sql) {
            const std::string file = (folder / "script.sql").string();
            std::ofstream{file} << sql;
            const auto result =
                harness::run_to_end({.argv = {"sqlite3", "-bail", path, ".read " + file}});
            EXPECT_TRUE(result.status.ok()) << result.stderr_text << sql;
        });
    }
};

TEST_P(migration_export, makes_the_tables_on_sqlite) {
    make_on_sqlite();
}

TEST_P(migration_export, makes_those_of_an_outbox_with_another_name_beside_the_usual_one) {
    ASSERT_TRUE(
        run({"migrate", "up", "--db", "sqlite:" + (folder / "shop.db").string()}).status.ok()
    );
    name = "billing";
    make_on_sqlite();
    for (const auto& [path, text] : write("postgresql")) {
        EXPECT_FALSE(is_in(text, "outbox.message")) << path;
        EXPECT_TRUE(path == "sqitch.plan" || path == "sqitch.conf" || is_in(path, "billing"))
            << path;
    }
}

TEST_P(migration_export, makes_the_tables_on_postgresql) {
    static const harness::postgres_server server{{.settings = {"fsync=off"}}};
    const std::string place = "test_" + std::to_string(std::hash<std::string>{}(GetParam()));
    server.psql("create database " + place);
    apply_and_take_back(write("postgresql"), server.url(place), [&](const std::string& sql) {
        EXPECT_NO_THROW(server.psql(sql, place)) << sql;
    });
}

TEST_P(migration_export, makes_the_tables_on_mariadb) {
    static const harness::mariadb_server server;
    server.sql("drop database if exists shop; create database shop");
    const tree files = write("mysql");
    if (GetParam() == "flyway" || GetParam() == "sqitch") {
        apply_and_take_back(files, server.url("shop"), [&](const std::string& sql) {
            EXPECT_NO_THROW(server.sql(sql, "shop")) << sql;
        });
        return;
    }
    const bool at_once = GetParam() == "golang-migrate" || GetParam() == "dbmate";
    protocol_session tool{server.port(), "shop", at_once ? CLIENT_MULTI_STATEMENTS : 0UL};
    apply_and_take_back(files, server.url("shop"), [&](const std::string& script) {
        for (const std::string& text : texts_of(GetParam(), script))
            EXPECT_NO_THROW(tool.run(text)) << text;
    });
    for (const auto& [path, text] : files)
        EXPECT_FALSE(is_in(text, "delimiter //")) << path << ": only the client knows that word";
}

TEST_P(migration_export, overwrites_nothing_that_differs) {
    const tree files = write("sqlite");
    EXPECT_EQ(write("sqlite"), files) << "the same again does no harm";
    const std::string last = files.rbegin()->first;
    std::ofstream{folder / "sqlite" / last} << "edited";
    const auto again = run(
        {"migrate",
         "export",
         "--format",
         GetParam(),
         "--db-kind",
         "sqlite",
         "--out",
         (folder / "sqlite").string()}
    );
    EXPECT_EQ(again.status.code, 1);
    EXPECT_TRUE(is_in(again.stderr_text, last)) << again.stderr_text;
    EXPECT_EQ(read_tree(folder / "sqlite")[last], "edited");
}

INSTANTIATE_TEST_SUITE_P(
    each,
    migration_export,
    testing::Values("flyway", "golang-migrate", "liquibase", "sqitch", "goose", "dbmate", "atlas"),
    [](const auto& chosen) {
        std::string name = chosen.param;
        std::ranges::replace(name, '-', '_');
        return name;
    }
);

class migration_export_layout : public testing::Test {
protected:
    harness::temp_dir folder;

    tree write(const std::string& format) {
        const auto result = run(
            {"migrate",
             "export",
             "--format",
             format,
             "--db-kind",
             "postgresql",
             "--start-version",
             "7",
             "--out",
             (folder / format).string()}
        );
        EXPECT_TRUE(result.status.ok()) << result.stderr_text;
        return read_tree(folder / format);
    }
    void expect_paths(const std::string& format, const std::vector<std::string>& expected) {
        const tree files = write(format);
        for (const std::string& path : expected)
            EXPECT_TRUE(files.contains(path)) << format << " lacks " << path;
    }
};

TEST_F(migration_export_layout, is_the_one_that_each_tool_looks_for) {
    expect_paths("flyway", {"V7__outbox.sql", "U7__outbox.sql", "V9__outbox_send.sql"});
    expect_paths(
        "golang-migrate",
        {"000007_outbox.up.sql", "000007_outbox.down.sql", "000009_outbox_send.up.sql"}
    );
    expect_paths("liquibase", {"outbox-007.sql"});
    expect_paths(
        "sqitch",
        {"sqitch.plan",
         "sqitch.conf",
         "deploy/outbox_001.sql",
         "revert/outbox_001.sql",
         "verify/outbox_002.sql"}
    );
    expect_paths("goose", {"00007_outbox.sql"});
    expect_paths("dbmate", {"00000000000007_outbox.sql"});
    expect_paths("atlas", {"00000000000009_outbox_send.sql"});
}

TEST_F(migration_export_layout, keeps_a_function_in_one_piece_where_a_tool_would_cut_it) {
    const tree files = write("goose");
    const std::string& text = files.at("00009_outbox_send.sql");
    const std::string body =
        between(text, "-- +goose StatementBegin\n", "-- +goose StatementEnd\n");
    EXPECT_TRUE(is_in(body, "as $function$\ndeclare")) << body;
    EXPECT_TRUE(body.ends_with("end\n$function$;\n")) << body;
    EXPECT_TRUE(is_in(
        run({"migrate", "get", "--db-kind", "mysql"}).stdout_text,
        "create procedure outbox_send"
    ));
}

TEST_F(migration_export_layout, says_which_tools_there_are) {
    const auto refused =
        run({"migrate", "export", "--format", "alembic", "--db-kind", "sqlite", "--out", "/nowhere"}
        );
    EXPECT_EQ(refused.status.code, 2);
    EXPECT_TRUE(is_in(
        refused.stderr_text,
        "flyway, golang-migrate, liquibase, sqitch, goose, dbmate, atlas"
    ));
}

} // namespace
} // namespace outbox::tools
