#include "outbox/base/bytes.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(bytes, what_is_released_holds_no_memory) {
    bytes held(1'000'000, 'x');
    release(held);
    EXPECT_EQ(held, "");
    EXPECT_LT(held.capacity(), 1'000U);
}

} // namespace
} // namespace outbox
