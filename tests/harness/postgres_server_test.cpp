#include "harness/postgres_server.hpp"

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace outbox::harness {
namespace {

TEST(postgres_server, answers_with_the_settings_asked_for) {
    const postgres_server server{{.settings = {"wal_level=logical"}}};
    EXPECT_EQ(server.psql("show wal_level"), "logical\n");
    EXPECT_EQ(server.psql("show fsync"), "on\n");
}

TEST(postgres_server, keeps_committed_rows_over_every_kind_of_stop) {
    postgres_server server;
    server.psql("create table t (n int)");
    server.psql("insert into t values (1)");
    server.restart(postgres_stop::fast);
    server.psql("insert into t values (2)");
    server.restart(postgres_stop::immediate);
    server.psql("insert into t values (3)");
    server.kill();
    server.start();
    EXPECT_EQ(server.psql("select n from t order by n"), "1\n2\n3\n");
}

TEST(postgres_server, starts_again_while_a_killed_ones_session_is_busy) {
    postgres_server server;
    // Counting, it looks neither left nor right; sleeping, it would notice at once.
    const std::string query = "select sum(n) from generate_series(1, 2000000) n";
    const child_process busy{{.argv = {"psql", "-X", "-d", server.url(), "-c", query}}};
    wait_until(
        [&] {
            return server.psql(
                       "select count(*) from pg_stat_activity where query like 'select sum%'"
                   ) != "0\n";
        },
        std::chrono::seconds{20},
        "the session to be busy"
    );
    server.kill();
    server.start();
    EXPECT_EQ(server.psql("select 1"), "1\n");
}

TEST(postgres_server, tells_what_psql_says) {
    const postgres_server server;
    try {
        server.psql("select * from nowhere");
        FAIL() << "it returned";
    } catch (const error& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("nowhere"));
    }
}

} // namespace
} // namespace outbox::harness
