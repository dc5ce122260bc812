#include "outbox/base/hex.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(hex, carries_every_byte_there_and_back) {
    bytes all;
    for (int i = 0; i < 256; ++i)
        all += static_cast<char>(i);
    EXPECT_EQ(from_hex(to_hex(all)), all);
    EXPECT_EQ(to_hex(bytes("\x00\xab\xff", 3)), "00abff");
}

TEST(hex, refuses_what_is_not_hexadecimal) {
    EXPECT_FALSE(from_hex("abc"));
    EXPECT_FALSE(from_hex("0g"));
    EXPECT_FALSE(from_hex("-1"));
}

} // namespace
} // namespace outbox
