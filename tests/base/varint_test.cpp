#include "outbox/base/varint.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace outbox {
namespace {

bytes written(std::uint64_t value) {
    bytes out;
    append_varint(out, value);
    return out;
}

TEST(varint, has_these_bytes_for_ever) {
    EXPECT_EQ(written(0), bytes(1, '\0'));
    EXPECT_EQ(written(127), "\x7f");
    EXPECT_EQ(written(128), bytes("\x80\x01"));
    EXPECT_EQ(written(300), bytes("\xac\x02"));
    EXPECT_EQ(written(UINT64_MAX), bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
}

TEST(varint, comes_back_and_leaves_the_rest) {
    for (unsigned shift = 0; shift < 64; ++shift) {
        for (const std::uint64_t value :
             {std::uint64_t{1} << shift, (std::uint64_t{1} << shift) - 1}) {
            const bytes data = written(value) + "rest";
            bytes_view from{data};
            EXPECT_EQ(take_varint(from), value);
            EXPECT_EQ(from, "rest");
        }
    }
}

TEST(varint, refuses_what_it_would_not_write) {
    for (const bytes& bad :
         {bytes{},
          bytes("\x80"),
          bytes("\x80\x00", 2),
          bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
          bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
        bytes_view from{bad};
        EXPECT_FALSE(take_varint(from));
        EXPECT_EQ(from, bad);
    }
}

} // namespace
} // namespace outbox
