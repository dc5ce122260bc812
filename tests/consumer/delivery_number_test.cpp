#include "outbox/base/error.hpp"
#include "outbox/consumer/delivery_number.hpp"
#include "outbox/consumer/record_reading.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

headers numbered(const std::string& source, const std::string& shard, const std::string& number) {
    return {
        {"a", "b"},
        {"outbox-source", source},
        {"outbox-shard", shard},
        {"outbox-number", number}};
}

TEST(delivery_number, is_what_the_relay_wrote) {
    EXPECT_EQ(
        delivery_number::of(numbered("0a1b", "3", "9223372036854775807")),
        (delivery_number{.source = "0a1b", .shard = 3, .number = INT64_MAX})
    );
    EXPECT_FALSE(delivery_number::of({}));
    EXPECT_FALSE(delivery_number::of({{"outbox-id", "x"}}));
}

TEST(delivery_number, nobody_guesses) {
    for (std::size_t missing = 1; missing <= 3; ++missing) {
        headers all = numbered("a", "0", "1");
        headers twice = all;
        twice.push_back(all[missing]);
        EXPECT_THROW(delivery_number::of(twice), error) << missing;
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(missing));
        EXPECT_THROW(delivery_number::of(all), error) << missing;
    }
    for (const char* number : {"", "0", "-1", "+1", "01", " 1", "1 ", "1x", "9223372036854775808"})
        EXPECT_THROW(delivery_number::of(numbered("a", "0", number)), error) << number;
    for (const char* shard : {"", "-1", "32768", "x"})
        EXPECT_THROW(delivery_number::of(numbered("a", shard, "1")), error) << shard;
    for (const std::string& source :
         {std::string{}, std::string{"A"}, std::string{"a'"}, std::string(65, 'a')})
        EXPECT_THROW(delivery_number::of(numbered(source, "0", "1")), error) << source;
}

TEST(delivery_number, comes_with_the_delivery_and_a_damaged_one_is_not_handled) {
    record from{.timestamp_ms = 1, .value = "{}"};
    for (const header& h : numbered("0a", "0", "17"))
        from.headers.push_back({h.name, h.value});
    const record_position here{"orders", 0, 1};
    const auto read = read_record(from, here, topic_role::subject);
    ASSERT_TRUE(read.message);
    EXPECT_EQ(read.message->number, (delivery_number{.source = "0a", .number = 17}));
    EXPECT_EQ(read.message->properties, (headers{{"a", "b"}}));
    from.headers.pop_back();
    EXPECT_FALSE(read_record(from, here, topic_role::subject).message);
    from.headers.clear();
    EXPECT_FALSE(read_record(from, here, topic_role::subject).message->number);
}

} // namespace
} // namespace outbox
