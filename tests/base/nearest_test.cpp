#include "outbox/base/nearest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace outbox {
namespace {

const std::vector<std::string> keys{"listen", "data_dir", "flush", "lease"};

TEST(nearest, forgives_one_slip_of_each_kind) {
    EXPECT_EQ(nearest("lisen", keys), "listen");
    EXPECT_EQ(nearest("flussh", keys), "flush");
    EXPECT_EQ(nearest("datadir", keys), "data_dir");
    EXPECT_EQ(nearest("laese", keys), "lease");
    EXPECT_EQ(nearest("FLUSH", keys), "flush");
}

TEST(nearest, counts_a_swap_as_one_slip) {
    EXPECT_EQ(nearest("ba", std::vector<std::string>{"bxa1", "ab", "ca"}), "ab");
}

TEST(nearest, takes_the_first_of_equals_and_nothing_of_none) {
    EXPECT_EQ(nearest("x", std::vector<std::string>{"a", "b"}), "a");
    EXPECT_EQ(nearest("x", {}), "");
    EXPECT_EQ(nearest("", keys), "flush");
}

} // namespace
} // namespace outbox
