#include "wire/limits.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace outbox::wire {
namespace {

TEST(wire_reader, numbers_come_back_as_they_were_written) {
    const std::int64_t values[] = {
        0,
        1,
        -1,
        63,
        64,
        -64,
        -65,
        127,
        128,
        300,
        -300,
        std::numeric_limits<std::int32_t>::max(),
        std::numeric_limits<std::int32_t>::min(),
        std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()};
    for (const std::int64_t value : values) {
        bytes data;
        writer out(data);
        out.varlong(value);
        out.varint(static_cast<std::int32_t>(value));
        out.uvarint(static_cast<std::uint32_t>(value));
        out.int64(value);
        out.int16(static_cast<std::int16_t>(value));
        reader in(data);
        EXPECT_EQ(in.varlong(), value);
        EXPECT_EQ(in.varint(), static_cast<std::int32_t>(value));
        EXPECT_EQ(in.uvarint(), static_cast<std::uint32_t>(value));
        EXPECT_EQ(in.int64(), value);
        EXPECT_EQ(in.int16(), static_cast<std::int16_t>(value));
        EXPECT_TRUE(in.ok());
        EXPECT_EQ(in.remaining(), 0u);
    }
}

TEST(wire_reader, the_first_failure_sticks_and_stops_the_cursor) {
    const bytes data("\0\1\2", 3);
    reader in(data);
    in.enter("first");
    EXPECT_EQ(in.int32(), 0);
    EXPECT_EQ(in.error(), decode_error::truncated);
    in.enter("second");
    EXPECT_EQ(in.int16(), 0);
    in.fail(decode_error::bad_count);
    EXPECT_EQ(in.error(), decode_error::truncated);
    EXPECT_STREQ(in.field(), "first");
    EXPECT_EQ(in.position(), 0u);
}

TEST(wire_reader, a_varint_without_an_end_is_refused) {
    const bytes endless(20, '\xff');
    for (int kind = 0; kind < 3; ++kind) {
        reader in(endless);
        if (kind == 0)
            in.uvarint();
        else if (kind == 1)
            in.varint();
        else
            in.varlong();
        EXPECT_EQ(in.error(), decode_error::bad_varint);
    }
    reader too_large(bytes_view("\xff\xff\xff\xff\x7f", 5));
    EXPECT_EQ(too_large.uvarint(), 0u);
    EXPECT_EQ(too_large.error(), decode_error::bad_varint);
}

TEST(wire_reader, elements_are_bounded_by_the_bytes_that_are_there) {
    const bytes data(100, '\0');
    reader in(data);
    EXPECT_TRUE(in.expect_elements(25, 4));
    EXPECT_FALSE(in.expect_elements(26, 4));
    EXPECT_EQ(in.error(), decode_error::bad_count);
}

TEST(wire_reader, elements_of_one_message_are_bounded_over_all_its_arrays) {
    const bytes data(array_elements_max + 1, '\0');
    reader in(data);
    EXPECT_TRUE(in.expect_elements(array_elements_max, 1));
    EXPECT_FALSE(in.expect_elements(1, 1));
}

} // namespace
} // namespace outbox::wire
