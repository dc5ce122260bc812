#include "harness/kafka_server.hpp"

#include "harness/temp_dir.hpp"
#include "outbox/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;

TEST(kafka_server, gives_back_what_kcat_sent_after_a_kill) {
    const temp_dir dir;
    std::ofstream{dir / "lines"} << "first\nsecond\n";
    kafka_server server;
    const auto sent = run_to_end(
        {.argv = {"kcat", "-b", server.address(), "-P", "-t", "words", "-l", dir / "lines"}},
        60s
    );
    ASSERT_TRUE(sent.status.ok()) << sent.stderr_text;
    server.kill();
    server.start();
    const auto read = run_to_end(
        {.argv = {"kcat", "-b", server.address(), "-C", "-t", "words", "-c", "2", "-q"}},
        60s
    );
    EXPECT_THAT(read.stdout_text, testing::HasSubstr("first\n"));
    EXPECT_THAT(read.stdout_text, testing::HasSubstr("second\n"));
    EXPECT_EQ(server.stop().signal, 0);
}

TEST(kafka_server, absent_jars_are_an_error_that_says_so) {
    ::setenv("OUTBOX_KAFKA_JARS", "/nowhere", 1);
    try {
        const kafka_server server;
        FAIL() << "it started";
    } catch (const error& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("/nowhere"));
    }
    ::unsetenv("OUTBOX_KAFKA_JARS");
}

} // namespace
} // namespace outbox::harness
