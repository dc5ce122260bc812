#include "outbox/base/error.hpp"
#include "outbox/message/names.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(subject, takes_what_kafka_takes_as_a_topic) {
    EXPECT_EQ(subject::parse("orders.paid-v2_x").text(), "orders.paid-v2_x");
    EXPECT_NO_THROW(subject::parse(std::string(249, 'a')));
    for (const std::string& bad :
         {std::string{},
          std::string(250, 'a'),
          std::string{"."},
          std::string{".."},
          std::string{"a b"},
          std::string{"a/b"},
          std::string{"käse"},
          std::string("a\0b", 3)})
        EXPECT_THROW(subject::parse(bad), error) << bad;
}

TEST(order_key, takes_any_bytes_and_writes_numbers_in_decimal) {
    EXPECT_EQ(order_key{-7}.bytes(), "-7");
    EXPECT_EQ(order_key{18'446'744'073'709'551'615U}.bytes(), "18446744073709551615");
    EXPECT_EQ(order_key{std::string("\0", 1)}.bytes().size(), 1U);
    EXPECT_THROW(order_key{""}, error);
    EXPECT_THROW(order_key{std::string(513, 'k')}, error);
}

TEST(tag, has_no_character_that_a_filter_needs) {
    EXPECT_EQ(tag::parse("vip").text(), "vip");
    for (const char* bad : {"", "a b", "a,b", "a||b", "tab\t"})
        EXPECT_THROW(tag::parse(bad), error) << bad;
}

} // namespace
} // namespace outbox
