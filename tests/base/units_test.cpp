#include "outbox/base/units.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

TEST(units, reads_durations) {
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("10s"), 10s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("7d"), 168h);
    EXPECT_EQ(parse_duration("0s"), 0ms);
}

TEST(units, reads_sizes) {
    EXPECT_EQ(parse_size("512B"), 512U);
    EXPECT_EQ(parse_size("64KiB"), 65536U);
    EXPECT_EQ(parse_size("2TiB"), 2ULL << 40);
}

TEST(units, refuses_all_else) {
    for (const auto* text :
         {"", "10", "s", "-1s", "+1s", "1.5s", "10 s", "10S", "10sec", "1s2m", " 1s"})
        EXPECT_FALSE(parse_duration(text)) << text;
    for (const auto* text : {"", "10", "KiB", "10KB", "10kib", "1e3B", "-1B"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(units, a_time_is_written_in_utc_to_the_millisecond) {
    using namespace std::chrono_literals;
    EXPECT_EQ(utc_text(time_point{}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(utc_text(time_point{1'795'284'000s + 7'999us}), "2026-11-21T18:00:00.007Z");
    EXPECT_EQ(utc_text(time_point{-1ms}), "1969-12-31T23:59:59.999Z");
}

TEST(units, refuses_what_does_not_fit) {
    EXPECT_TRUE(parse_size("9223372036854775807B"));
    EXPECT_FALSE(parse_size("9223372036854775808B"));
    EXPECT_FALSE(parse_size("8388608TiB"));
    EXPECT_FALSE(parse_duration("106751991168d"));
}

} // namespace
} // namespace outbox
