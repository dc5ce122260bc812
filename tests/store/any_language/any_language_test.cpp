// A program in another language sends through the database's own function (or, on SQLite, by the
// documented INSERT), and what the relay reads is, byte for byte, what the library would have
// written.

#include "harness/child_process.hpp"
#include "harness/mariadb_server.hpp"
#include "harness/mysql_server.hpp"
#include "harness/postgres_server.hpp"
#include "harness/temp_dir.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/envelope.hpp"
#include "outbox/store/any/open_database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

std::string every_byte() {
    std::string all;
    for (int i = 0; i < 256; ++i)
        all += static_cast<char>(i);
    return all;
}

message_id numbered(char last) {
    return message_id::parse(std::string{"018f0000-0000-7000-8000-00000000000"} + last).value();
}

// The messages of send.py.
std::vector<envelope> expected() {
    message first{
        .to = subject{"orders.paid"},
        .body = body::raw("{\"orderId\":42}", "application/json"),
        .key = order_key{"42"},
        .tags = {tag{"gold"}, tag{"eu"}},
        .properties = {{"source", "caf\u00e9"}, {"trace", "a b"}},
        .trace = trace_context::parse(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "rojo=1"
        ),
    };
    message second{
        .to = subject{"orders.paid"},
        .body = body::raw(every_byte()),
        .key = order_key{every_byte()}};
    message third{.to = subject{"empty"}};
    return {
        freeze(first, numbered('1'), {}),
        freeze(second, numbered('2'), {}),
        freeze(third, numbered('3'), {}),
    };
}

void expect_same_rows_from_python(const std::string& url) {
    const auto database = open_database(url);
    database->open_migrator()->up();
    // Debian's own interpreter: its packages are not there for another.
    const auto sent = harness::run_to_end({.argv = {"/usr/bin/python3", SEND_PY, url}});
    ASSERT_TRUE(sent.status.ok()) << sent.stderr_text;

    const auto store = database->open_relay_store();
    ASSERT_TRUE(store->acquire(0, "test", 60s, "").granted);
    EXPECT_EQ(store->status(0).scheduled, 1);
    const auto read = store->read(0, {}, {}).messages;
    const auto wanted = expected();
    ASSERT_EQ(read.size(), wanted.size()) << "the rolled-back one is not among them";
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const envelope& got = read[i].content;
        EXPECT_EQ(got.id, wanted[i].id);
        EXPECT_EQ(got.subject, wanted[i].subject);
        EXPECT_EQ(got.key, wanted[i].key);
        EXPECT_EQ(got.headers, wanted[i].headers);
        EXPECT_EQ(got.payload, wanted[i].payload);
    }
}

TEST(any_language, python_on_sqlite) {
    const harness::temp_dir dir;
    expect_same_rows_from_python("sqlite:" + (dir / "shop.db").string());
}

TEST(any_language, python_on_postgresql) {
    const harness::postgres_server server{{.settings = {"fsync=off"}}};
    expect_same_rows_from_python(server.url());
}

TEST(any_language, python_on_mariadb) {
    const harness::mariadb_server server;
    expect_same_rows_from_python(server.url());
}

/// What the function says to each wrong call, through `run` which returns the error's text.
template <class Run>
void expect_refusals(const std::vector<std::pair<std::string, std::string>>& calls, Run&& run) {
    for (const auto& [call, complaint] : calls) {
        try {
            run(call);
            ADD_FAILURE() << call << " was taken";
        } catch (const error& e) {
            EXPECT_THAT(e.what(), testing::HasSubstr(complaint)) << call;
        }
    }
}

TEST(any_language, postgresql_refuses_what_the_library_refuses) {
    const harness::postgres_server server{{.settings = {"fsync=off"}}};
    open_database(server.url())->open_migrator()->up();
    const std::vector<std::pair<std::string, std::string>> calls{
        {"'or ders', 'x'", "\"or ders\" is no subject"},
        {"'', 'x'", "is no subject"},
        {"'..', 'x'", "is no subject"},
        {"repeat('a', 250), 'x'", "is no subject"},
        {"null, 'x'", "is no subject"},
        {"'a', null", "payload is null"},
        {"'a', 'x', ''", "order key has 0 bytes"},
        {"'a', 'x', repeat('k', 513)", "order key has 513 bytes"},
        {"'a', 'x', tags => '{a,\"b c\"}'", "\"b c\" is no tag"},
        {"'a', 'x', tags => '{1,2,3,4,5,6,7,8,9,10,11}'", "11 tags"},
        {"'a', 'x', properties => '{\"outbox-id\": \"1\"}'", "property \"outbox-id\""},
        {"'a', 'x', properties => '{\"p\": null}'", "property \"p\""},
        {"'a', 'x', properties => (select json_object_agg('p' || n, 'v') from generate_series(1, "
         "101) n)",
         "101 headers"},
        {"'a', repeat('x', 1000000), 'k'", "has 1000001 bytes"},
    };
    expect_refusals(calls, [&](const std::string& call) {
        server.psql("select outbox.outbox_send(" + call + ")");
    });
    EXPECT_EQ(server.psql("select count(*) from outbox.message"), "0\n");
}

TEST(any_language, postgresql_makes_ids_of_version_7) {
    const harness::postgres_server server{{.settings = {"fsync=off"}}};
    open_database(server.url())->open_migrator()->up();
    EXPECT_THAT(
        server.psql("select outbox.outbox_send('a', 'x')"),
        testing::MatchesRegex(
            "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n"
        )
    );
    // The time is in it: within a minute of the database's clock.
    EXPECT_EQ(
        server.psql("select abs(('x' || left(replace(outbox.outbox_send('a', 'x')::text, '-', ''), "
                    "12))::bit(48)::bigint"
                    " - extract(epoch from clock_timestamp()) * 1000) < 60000"),
        "t\n"
    );
}

void expect_refusals_on(const harness::mysql_family_server& server) {
    open_database(server.url())->open_migrator()->up();
    const std::string none = ", null, null, null, null, null, @id";
    const std::vector<std::pair<std::string, std::string>> calls{
        {"'or ders', 'x'" + none, "\"or ders\" is no subject"},
        {"'', 'x'" + none, "is no subject"},
        {"'..', 'x'" + none, "is no subject"},
        {"repeat('a', 250), 'x'" + none, "is no subject"},
        {"null, 'x'" + none, "is no subject"},
        {"concat('orders', char(10)), 'x'" + none, "is no subject"},
        {"concat('orders', char(0)), 'x'" + none, "outbox: \"orders"}, // cut there by the client
        {"_utf8mb4 0x6f72646572e284aa, 'x'" + none, "is no subject"},  // the sign for kelvin
        {"'a', null" + none, "payload is null"},
        {"'a', 'x', '', null, null, null, null, @id", "order key"},
        {"'a', 'x', repeat('k', 513), null, null, null, null, @id", "order key"},
        {"'a', 'x', null, '[\"a\",\"b c\"]', null, null, null, @id", "\"b c\" is no tag"},
        {"'a', 'x', null, '[\"b\\\\n\"]', null, null, null, @id", "is no tag"},
        {"'a', 'x', null, '[\"b\\\\u212a\"]', null, null, null, @id", "is no tag"},
        {"'a', 'x', null, '[\"\"]', null, null, null, @id", "is no tag"},
        {"'a', 'x', null, '[null]', null, null, null, @id", "is no tag"},
        {"'a', 'x', null, '[1,2,3,4,5,6,7,8,9,10,11]', null, null, null, @id", "10 tags"},
        {"'a', 'x', null, '{}', null, null, null, @id", "JSON array"},
        {"'a', 'x', null, null, '{\"outbox-id\": \"1\"}', null, null, @id",
         "property \"outbox-id\""},
        {"'a', 'x', null, null, '{\"p\": null}', null, null, @id", "property \"p\""},
        {"'a', 'x', null, null, '[', null, null, @id", "JSON"},
        {"'a', repeat('x', 1000000), 'k', null, null, null, null, @id", "1000000 bytes"},
    };
    expect_refusals(calls, [&](const std::string& call) {
        server.sql("set @id = null; call outbox_send(" + call + ")");
    });
    EXPECT_EQ(server.sql("select count(*) from outbox_message"), "0\n");
}

TEST(any_language, mariadb_refuses_what_the_library_refuses) {
    expect_refusals_on(harness::mariadb_server{});
}

TEST(any_language, mysql_refuses_what_the_library_refuses) {
    expect_refusals_on(harness::mysql_server{});
}

TEST(any_language, mariadb_makes_ids_of_version_7) {
    const harness::mariadb_server server;
    open_database(server.url())->open_migrator()->up();
    const std::string send =
        "set @id = null; call outbox_send('a', 'x', null, null, null, null, null, @id); ";
    EXPECT_THAT(
        server.sql(send + "select hex(@id)"),
        testing::MatchesRegex("[0-9A-F]{12}7[0-9A-F]{3}[89AB][0-9A-F]{15}\n")
    );
    EXPECT_EQ(
        server.sql(
            send +
            "select abs(conv(left(hex(@id), 12), 16, 10) - unix_timestamp(now(6)) * 1000) < 60000"
        ),
        "1\n"
    );
}

} // namespace
} // namespace outbox
