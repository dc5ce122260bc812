#include "harness/mariadb_server.hpp"

#include "outbox/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outbox::harness {
namespace {

TEST(mariadb_server, answers_with_the_settings_asked_for) {
    const mariadb_server server{{.settings = {"auto-increment-increment=3"}}};
    EXPECT_EQ(server.sql("select @@auto_increment_increment"), "3\n");
    EXPECT_EQ(server.sql("select @@innodb_flush_log_at_trx_commit"), "1\n");
}

TEST(mariadb_server, keeps_committed_rows_over_every_kind_of_stop) {
    mariadb_server server;
    server.sql("create table t (n int) engine = innodb");
    server.sql("insert into t values (1)");
    server.stop();
    server.start();
    server.sql("insert into t values (2)");
    server.kill();
    server.start();
    EXPECT_EQ(server.sql("select n from t order by n"), "1\n2\n");
}

TEST(mariadb_server, tells_what_the_client_says) {
    const mariadb_server server;
    try {
        server.sql("select * from nowhere");
        FAIL() << "it returned";
    } catch (const error& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("nowhere"));
    }
}

} // namespace
} // namespace outbox::harness
