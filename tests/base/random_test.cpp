#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

#include <array>

namespace outbox {
namespace {

TEST(seeded_random, gives_the_same_numbers_for_the_same_seed_on_every_machine) {
    seeded_random random{42};
    EXPECT_EQ(random.next(), 0xbdd732262feb6e95U);
    EXPECT_EQ(random.next(), 0x28efe333b266f103U);
}

TEST(random_source, below_stays_below_and_reaches_every_value) {
    seeded_random random{1};
    std::array<int, 5> seen{};
    for (int i = 0; i < 1000; ++i)
        ++seen.at(random.below(5));
    for (const int count : seen)
        EXPECT_GT(count, 100);
}

} // namespace
} // namespace outbox
