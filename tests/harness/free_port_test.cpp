#include "harness/free_port.hpp"

#include <gtest/gtest.h>

#include <set>

namespace outbox::harness {
namespace {

TEST(free_port, never_gives_the_same_twice) {
    std::set<std::uint16_t> seen;
    for (int i = 0; i < 100; ++i)
        EXPECT_TRUE(seen.insert(free_port()).second);
}

} // namespace
} // namespace outbox::harness
