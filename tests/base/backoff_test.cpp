#include "outbox/base/backoff.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

TEST(backoff, doubles_up_to_the_longest_and_never_above) {
    seeded_random random{3};
    const backoff_policy policy{.first = 50ms, .longest = 5s};
    for (int failures = 1; failures < 100; ++failures) {
        const auto whole = failures < 8 ? 50ms * (1 << (failures - 1)) : 5'000ms;
        const auto wait = backoff(policy, failures, random);
        EXPECT_GE(wait, std::min<std::chrono::milliseconds>(whole, 5s) / 2);
        EXPECT_LE(wait, std::min<std::chrono::milliseconds>(whole, 5s));
    }
}

} // namespace
} // namespace outbox
