#include "outbox/store/mysql/url.hpp"

#include "outbox/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outbox::mysql {
namespace {

using namespace std::chrono_literals;

TEST(mysql_url, names_everything) {
    const server_url url = parse_url("mysql://a%40b:p%3aw%2F%25@db.example:3307/sho%70");
    EXPECT_EQ(url.user, "a@b");
    EXPECT_EQ(url.password, "p:w/%");
    EXPECT_EQ(url.host, "db.example");
    EXPECT_EQ(url.port, 3307);
    EXPECT_EQ(url.name, "shop");
    EXPECT_EQ(url.display_name(), "mysql://a@b@db.example:3307/shop");
}

TEST(mysql_url, has_defaults) {
    const server_url url = parse_url("mariadb:///shop");
    EXPECT_EQ(url.host, "localhost");
    EXPECT_EQ(url.port, 3306);
    EXPECT_EQ(url.user, "");
    EXPECT_FALSE(url.hole_patience);
}

TEST(mysql_url, knows_sockets_addresses_and_patience) {
    EXPECT_EQ(parse_url("mysql://u@localhost/n?socket=%2Frun%2Fs").socket, "/run/s");
    EXPECT_EQ(parse_url("mysql://u@h/n?socket=/run/s&hole_patience=30s").hole_patience, 30s);
    EXPECT_EQ(parse_url("mysql://u@[::1]:3307/n").host, "::1");
    EXPECT_EQ(parse_url("mysql://u@[::1]:3307/n").port, 3307);
    EXPECT_EQ(parse_url("mysql://u@[::1]/n").port, 3306);
}

TEST(mysql_url, knows_how_far_to_trust_the_network) {
    EXPECT_EQ(parse_url("mysql://u@h/n").tls, tls_mode::off);
    EXPECT_EQ(parse_url("mysql://u@h/n?sslmode=disable").tls, tls_mode::off);
    EXPECT_EQ(parse_url("mysql://u@h/n?sslmode=require").tls, tls_mode::require);
    const server_url url = parse_url("mysql://u@h/n?sslrootcert=%2Fca.pem&sslmode=verify-full");
    EXPECT_EQ(url.tls, tls_mode::verify_full);
    EXPECT_EQ(url.tls_authority, "/ca.pem");
}

TEST(mysql_url, is_refused_without_telling_the_password) {
    for (const char* wrong :
         {"mysql://u:secret@h",
          "mysql://u:secret@h/",
          "mysql://u:secret@h:0/n",
          "mysql://u:secret@h:70000/n",
          "mysql://u:secret@h:x/n",
          "mysql://u:secret/1@h/n",
          "mysql://u:secret?1@h/n",
          "mysql://u:secret%@h/n",
          "mysql://u:secret@h/n/m",
          "mysql://u:secret@h/n?what=1",
          "mysql://u:secret@h/n?sslmode=verify-ca",
          "mysql://u:secret@h/n?sslmode=verify-full",
          "mysql://u:secret@h/n?sslmode=require&sslrootcert=/ca.pem",
          "mysql://u:secret@h/n?sslrootcert=/ca.pem",
          "mysql://u:secret@h/n?hole_patience=10"}) {
        try {
            parse_url(wrong);
            ADD_FAILURE() << wrong;
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::invalid_argument) << wrong;
            EXPECT_THAT(e.what(), testing::Not(testing::HasSubstr("secret")));
        }
    }
}

} // namespace
} // namespace outbox::mysql
