#include "harness/wait_until.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;

TEST(wait_until, returns_what_the_predicate_found) {
    int calls = 0;
    const auto found = wait_until(
        [&calls]() -> std::optional<int> {
            return ++calls == 3 ? std::optional{42} : std::nullopt;
        },
        10s,
        "the third call"
    );
    EXPECT_EQ(found, 42);
    EXPECT_EQ(calls, 3);
}

TEST(wait_until, says_what_it_waited_for) {
    try {
        wait_until([] { return false; }, 5ms, "the moon to rise");
        FAIL() << "it returned";
    } catch (const timed_out& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("the moon to rise"));
    }
}

TEST(wait_until, lets_what_the_predicate_throws_pass) {
    EXPECT_THROW(
        wait_until([]() -> bool { throw std::out_of_range{"x"}; }, 10s, "anything"),
        std::out_of_range
    );
}

} // namespace
} // namespace outbox::harness
