// `outbox` as people and scripts meet it: what it prints, how it ends, what it says when something
// is wrong.

#include "harness/child_process.hpp"
#include "harness/free_port.hpp"
#include "harness/postgres_server.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "outbox/base/hex.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>

namespace outbox::tools {
namespace {

class command_line : public ::testing::Test {
protected:
    harness::temp_dir folder;
    std::string url = "sqlite:" + (folder / "shop.db").string();

    static harness::run_result run(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), harness::our_program("outbox").string());
        return harness::run_to_end({.argv = std::move(arguments)});
    }
    static nlohmann::json run_json(std::vector<std::string> arguments) {
        arguments.emplace_back("--json");
        const auto result = run(std::move(arguments));
        EXPECT_TRUE(result.status.ok()) << result.stderr_text;
        return nlohmann::json::parse(result.stdout_text);
    }
    static void
    expect_refusal(const harness::run_result& result, int code, const std::string& words) {
        EXPECT_EQ(result.status.code, code) << result.stderr_text;
        EXPECT_NE(result.stderr_text.find(words), std::string::npos) << result.stderr_text;
    }
    void migrate() { ASSERT_TRUE(run({"migrate", "up", "--db", url}).status.ok()); }
};

TEST_F(command_line, migrates_sends_and_shows_on_sqlite) {
    const std::string applied = run({"migrate", "up", "--db", url}).stdout_text;
    EXPECT_TRUE(applied.starts_with("applied 001 outbox\n")) << applied;
    EXPECT_TRUE(run({"migrate", "validate", "--db", url}).status.ok());
    const auto sent = run_json(
        {"send",
         "--db",
         url,
         "--subject",
         "a.b",
         "--key",
         "k",
         "--tag",
         "x",
         "--tag",
         "y",
         "--property",
         "p=v=w",
         "--payload",
         "hello"}
    );
    EXPECT_EQ(sent.at("subject"), "a.b");
    EXPECT_EQ(sent.at("message_id").get<std::string>().size(), 36U);
    const auto status = run_json({"status", "--db", url});
    EXPECT_EQ(status.at("backlog"), 1);
    EXPECT_GE(status.at("oldest_age_ms"), 0);
    EXPECT_EQ(status.at("lease_holder"), "");
    EXPECT_NE(
        run({"status", "--db", url}).stdout_text.find("none: start outbox-watchdog"),
        std::string::npos
    );
}

TEST_F(command_line, does_the_same_on_postgresql) {
    const harness::postgres_server server;
    url = server.url();
    EXPECT_TRUE(run({"migrate", "up", "--db", url}).status.ok());
    EXPECT_TRUE(run({"send", "--db", url, "--subject", "a.b", "--payload", "hello"}).status.ok());
    EXPECT_EQ(run_json({"status", "--db", url}).at("backlog"), 1);
}

TEST_F(command_line, two_outboxes_in_one_database_have_a_name_each) {
    migrate();
    for (const char* word : {"--schema", "--prefix"})
        EXPECT_TRUE(run({"migrate", "up", "--db", url, word, "billing"}).status.ok());
    EXPECT_TRUE(run({"send", "--db", url, "--prefix", "billing", "--subject", "a", "--payload", "x"}
    )
                    .status.ok());
    EXPECT_EQ(run_json({"status", "--db", url}).at("backlog"), 0);
    const auto status = run_json({"status", "--db", url, "--prefix", "billing"});
    EXPECT_EQ(status.at("backlog"), 1);
    EXPECT_EQ(status.at("database"), url + " (outbox billing)");
    EXPECT_TRUE(run({"migrate", "validate", "--db", url, "--prefix", "billing"}).status.ok());
    expect_refusal(
        run({"migrate", "validate", "--db", url, "--prefix", "other"}),
        4,
        "--schema other"
    );
    expect_refusal(
        run({"migrate", "down", "--target", "0", "--db", url, "--prefix", "billing"}),
        1,
        "1 undelivered"
    );
    const std::string shown =
        run({"migrate", "down", "--target", "0", "--dry-run", "--db", url, "--prefix", "billing"})
            .stdout_text;
    EXPECT_NE(shown.find("drop table billing_message"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("outbox_"), std::string::npos) << shown;
    EXPECT_TRUE(
        run({"migrate", "down", "--target", "0", "--force", "--db", url, "--prefix", "billing"})
            .status.ok()
    );
    EXPECT_TRUE(run({"migrate", "validate", "--db", url}).status.ok()) << "the other is as it was";
    for (const char* bad : {"Billing", "b_", "1b", "b;drop", "b b", ""})
        expect_refusal(
            run({"migrate", "up", "--db", url, "--prefix", bad}),
            2,
            "is no name for an outbox"
        );
}

// Whatever is added to sql/ later: with another name nothing in it speaks of the usual outbox.
TEST_F(command_line, what_is_printed_for_another_outbox_names_it_everywhere) {
    const std::regex usual{R"((^|[^A-Za-z0-9_.@])outbox(\.|_)[a-z]|schema outbox\b|'outbox')"};
    const std::vector<std::vector<std::string>> commands{{"get"}, {"get", "--down"}, {"grants"}};
    for (const std::string kind : {"postgresql", "mysql", "sqlite"}) {
        for (const std::vector<std::string>& what : commands) {
            std::vector<std::string> arguments{"migrate"};
            arguments.insert(arguments.end(), what.begin(), what.end());
            arguments.insert(arguments.end(), {"--db-kind", kind});
            const std::string before = run(arguments).stdout_text;
            arguments.insert(arguments.end(), {"--schema", "billing"});
            const std::string text = run(arguments).stdout_text;
            std::smatch found;
            EXPECT_FALSE(std::regex_search(text, found, usual)) << kind << ": " << found.str();
            EXPECT_EQ(std::ranges::count(text, '\n'), std::ranges::count(before, '\n'));
            EXPECT_EQ(text != before, kind != "sqlite" || what.front() != "grants");
        }
    }
}

TEST_F(command_line, sends_a_file_byte_by_byte) {
    migrate();
    std::ofstream{folder / "payload"} << std::string("\0\r\n\xff", 4);
    EXPECT_TRUE(
        run({"send", "--db", url, "--subject", "a", "--payload-file", (folder / "payload").string()}
        )
            .status.ok()
    );
    const auto shown = harness::run_to_end(
        {.argv =
             {"sqlite3", (folder / "shop.db").string(), "select hex(payload) from outbox_message"}}
    );
    EXPECT_EQ(shown.stdout_text, "000D0AFF\n");
    expect_refusal(
        run({"send", "--db", url, "--subject", "a", "--payload-file", "/nowhere"}),
        1,
        "cannot read /nowhere"
    );
}

TEST_F(command_line, sends_the_trace_that_it_is_given) {
    migrate();
    const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const std::vector<std::string> bare{"send", "--db", url, "--subject", "a", "--payload", "x"};
    const auto with = [&](const std::vector<std::string>& more) {
        auto all = bare;
        all.insert(all.end(), more.begin(), more.end());
        return run(all);
    };
    EXPECT_TRUE(with({"--traceparent", parent, "--tracestate", "rojo=1, congo=2"}).status.ok());
    const auto shown = harness::run_to_end(
        {.argv =
             {"sqlite3",
              (folder / "shop.db").string(),
              "select lower(hex(headers)) from outbox_message"}}
    );
    EXPECT_NE(shown.stdout_text.find(to_hex(parent)), std::string::npos) << shown.stdout_text;
    EXPECT_NE(shown.stdout_text.find(to_hex("rojo=1,congo=2")), std::string::npos)
        << shown.stdout_text;
    expect_refusal(with({"--traceparent", "00-" + parent}), 2, "bad traceparent");
    expect_refusal(with({"--traceparent", parent, "--tracestate", "A=1"}), 2, "bad tracestate");
    expect_refusal(with({"--tracestate", "a=1"}), 2, "--traceparent");
    EXPECT_EQ(run_json({"status", "--db", url}).at("backlog"), 1) << "nothing of it was sent";
}

TEST_F(command_line, says_what_is_wrong_with_the_arguments) {
    migrate();
    expect_refusal(
        run({"send", "--db", url, "--subject", "a b", "--payload", "x"}),
        2,
        "bad subject"
    );
    expect_refusal(
        run({"send", "--db", url, "--subject", "a", "--tag", "a,b", "--payload", "x"}),
        2,
        "bad tag"
    );
    expect_refusal(
        run({"send", "--db", url, "--subject", "a", "--property", "p", "--payload", "x"}),
        2,
        "name=value"
    );
    expect_refusal(run({"send", "--db", url, "--subject", "a"}), 2, "--payload");
    expect_refusal(run({"status", "--db", "oracle://x"}), 2, "sqlite:PATH");
    expect_refusal(run({"frobnicate"}), 2, "");
    EXPECT_EQ(run_json({"status", "--db", url}).at("backlog"), 0) << "nothing of it was sent";
}

TEST_F(command_line, takes_the_tables_away_when_no_message_is_lost) {
    migrate();
    ASSERT_TRUE(run({"send", "--db", url, "--subject", "a", "--payload", "x"}).status.ok());
    const std::string shown =
        run({"migrate", "down", "--target", "0", "--dry-run", "--db", url}).stdout_text;
    EXPECT_NE(shown.find("drop table outbox_message"), std::string::npos) << shown;
    expect_refusal(run({"migrate", "down", "--db", url}), 2, "--target");
    expect_refusal(
        run({"migrate", "down", "--target", "0", "--db", url}),
        1,
        "1 undelivered message"
    );
    EXPECT_EQ(run_json({"status", "--db", url}).at("backlog"), 1) << "and it is still there";
    ASSERT_TRUE(
        run({"send", "--db", url, "--subject", "a", "--payload", "x", "--deliver-after", "1h"})
            .status.ok()
    );
    EXPECT_EQ(run_json({"status", "--db", url}).at("scheduled"), 1);
    expect_refusal(
        run({"migrate", "down", "--target", "0", "--db", url}),
        1,
        "2 undelivered messages"
    );
    expect_refusal(
        run({"send", "--db", url, "--subject", "a", "--payload", "x", "--deliver-after", "soon"}),
        2,
        "soon"
    );
    const std::string taken =
        run({"migrate", "down", "--target", "0", "--force", "--db", url}).stdout_text;
    EXPECT_TRUE(taken.ends_with("took back 001 outbox\n")) << taken;
    EXPECT_EQ(run({"migrate", "validate", "--db", url}).status.code, 4);
    const std::string printed = run({"migrate", "up", "--dry-run", "--db", url}).stdout_text;
    EXPECT_NE(printed.find("create table outbox_message"), std::string::npos) << printed;
    EXPECT_EQ(run({"migrate", "validate", "--db", url}).status.code, 4) << "it was only printed";
}

TEST_F(command_line, tells_the_state_of_the_tables_to_scripts) {
    migrate();
    const auto good = run_json({"migrate", "validate", "--db", url});
    EXPECT_EQ(good.at("current"), true);
    EXPECT_EQ(good.at("problem"), nullptr);
    const auto versions = run_json({"migrate", "status", "--db", url}).at("versions");
    ASSERT_FALSE(versions.empty());
    EXPECT_EQ(versions[0].at("state"), "applied");
    harness::run_to_end(
        {.argv =
             {"sqlite3",
              (folder / "shop.db").string(),
              "update outbox_schema_version set checksum = 'x'"}}
    );
    const auto edited = run({"migrate", "validate", "--json", "--db", url});
    expect_refusal(edited, 4, "use one version of both");
    EXPECT_EQ(nlohmann::json::parse(edited.stdout_text).at("versions")[0].at("state"), "altered");
}

TEST_F(command_line, prints_the_sql_of_a_database_that_is_not_there) {
    const std::string up = run({"migrate", "get", "--db-kind", "postgresql"}).stdout_text;
    EXPECT_NE(up.find("create schema outbox"), std::string::npos) << up;
    EXPECT_NE(up.find("insert into outbox.schema_version"), std::string::npos) << up;
    const std::string down =
        run({"migrate", "get", "--db-kind", "sqlite", "--version", "1", "--down"}).stdout_text;
    EXPECT_NE(down.find("drop table outbox_schema_version"), std::string::npos) << down;
    expect_refusal(
        run({"migrate", "get", "--db-kind", "sqlite", "--version", "77"}),
        2,
        "no version 77"
    );
    expect_refusal(run({"migrate", "get", "--db-kind", "oracle"}), 2, "there are postgresql, ");
}

TEST_F(command_line, tells_an_absent_database_from_one_without_tables) {
    expect_refusal(run({"status", "--db", url}), 3, "cannot open");
    const std::string closed =
        "postgresql://nobody:secret@127.0.0.1:" + std::to_string(harness::free_port()) + "/x";
    const auto refused = run({"status", "--db", closed});
    expect_refusal(refused, 3, "127.0.0.1");
    EXPECT_EQ(refused.stderr_text.find("secret"), std::string::npos) << "the password is shown";

    std::ofstream{folder / "shop.db"};
    expect_refusal(run({"status", "--db", url}), 1, "outbox migrate up");
    EXPECT_EQ(run({"migrate", "validate", "--db", url}).status.code, 4);
}

} // namespace
} // namespace outbox::tools
