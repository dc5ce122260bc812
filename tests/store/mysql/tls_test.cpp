// Encryption between us and the server, as the URL asks for it.
#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "tests/store/mysql/server.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace outbox::mysql {
namespace {

/// An authority, and a certificate by it for the host "localhost".
class authority {
public:
    authority() {
        openssl(
            {"req",
             "-x509",
             "-newkey",
             "rsa:2048",
             "-nodes",
             "-days",
             "2",
             "-subj",
             "/CN=authority",
             "-addext",
             "basicConstraints=critical,CA:TRUE",
             "-keyout",
             file("ca.key"),
             "-out",
             file("ca.pem")}
        );
        openssl(
            {"req",
             "-x509",
             "-newkey",
             "rsa:2048",
             "-nodes",
             "-days",
             "2",
             "-subj",
             "/CN=localhost",
             "-addext",
             "subjectAltName=DNS:localhost",
             "-addext",
             "basicConstraints=critical,CA:FALSE",
             "-CA",
             file("ca.pem"),
             "-CAkey",
             file("ca.key"),
             "-keyout",
             file("server.key"),
             "-out",
             file("server.pem")}
        );
        harness::run_to_end({.argv = {"chmod", "-R", "a+rX", folder_.path().string()}});
    }

    std::string file(const std::string& name) const { return (folder_ / name).string(); }

private:
    static void openssl(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), harness::system_program("openssl"));
        const auto done = harness::run_to_end({.argv = std::move(arguments)});
        ASSERT_TRUE(done.status.ok()) << done.stderr_text;
    }

    harness::temp_dir folder_;
};

std::string cipher(const std::string& url) {
    connection db{parse_url(url), {}};
    rows answer = db.query("show session status like 'Ssl_cipher'", "test");
    return answer.next() ? answer.text(1) : "";
}

template <class Server>
class mysql_tls : public testing::Test {
protected:
    std::string url(const std::string& host, const std::string& parameters) const {
        std::string url = server.url();
        url.replace(url.find("127.0.0.1"), 9, host);
        return url + "?" + parameters;
    }
    std::string verify(const std::string& by) const {
        return "sslmode=verify-full&sslrootcert=" + ours.file(by);
    }

    authority ours;
    Server server{
        {.settings = {
             "ssl-ca=" + ours.file("ca.pem"),
             "ssl-cert=" + ours.file("server.pem"),
             "ssl-key=" + ours.file("server.key")}}};
};
using servers = testing::Types<harness::mariadb_server, harness::mysql_server>;
TYPED_TEST_SUITE(mysql_tls, servers);

TYPED_TEST(mysql_tls, is_there_when_the_url_asks_for_it) {
    EXPECT_EQ(cipher(this->url("127.0.0.1", "sslmode=disable")), "");
    EXPECT_NE(cipher(this->url("127.0.0.1", "sslmode=require")), "");
    EXPECT_NE(cipher(this->url("localhost", this->verify("ca.pem"))), "");
}

TYPED_TEST(mysql_tls, is_refused_when_the_server_is_not_who_it_should_be) {
    const authority others;
    EXPECT_THROW(cipher(this->url("127.0.0.1", this->verify("ca.pem"))), error) << "another host";
    EXPECT_THROW(
        cipher(this->url("localhost", "sslmode=verify-full&sslrootcert=" + others.file("ca.pem"))),
        error
    ) << "another authority";
    EXPECT_THROW(cipher(this->url("localhost", this->verify("absent.pem"))), error);
}

TEST(mysql_tls_refusal, a_server_without_encryption_gets_no_password) {
    harness::mariadb_server server{{.settings = {"skip-ssl"}}};
    try {
        cipher(server.url() + "?sslmode=require");
        FAIL() << "it went on in the clear";
    } catch (const error& e) {
        EXPECT_NE(std::string{e.what()}.find("127.0.0.1"), std::string::npos) << e.what();
    }
}

} // namespace
} // namespace outbox::mysql
