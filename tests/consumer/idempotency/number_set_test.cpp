#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/base/random.hpp"
#include "outbox/consumer/idempotency/number_set.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <vector>

namespace outbox {
namespace {

using inserted = number_set::inserted;

number_set set_of(const std::vector<std::int64_t>& numbers) {
    number_set set;
    for (const std::int64_t n : numbers)
        EXPECT_EQ(set.insert(n), inserted::yes) << n;
    return set;
}

TEST(number_set, in_order_it_is_a_watermark) {
    number_set set;
    for (std::int64_t n = 1; n <= 100'000; ++n)
        ASSERT_EQ(set.insert(n), inserted::yes);
    EXPECT_EQ(set.watermark(), 100'000);
    EXPECT_EQ(set.range_count(), 0U);
    EXPECT_LE(set.encode().size(), 4U);
    EXPECT_EQ(set.insert(1), inserted::no);
    EXPECT_EQ(set.insert(100'000), inserted::no);
}

TEST(number_set, the_watermark_stays_below_a_gap_until_it_is_filled) {
    number_set set = set_of({1, 2, 4, 5, 7});
    EXPECT_EQ(set.watermark(), 2);
    EXPECT_FALSE(set.contains(3));
    EXPECT_FALSE(set.contains(6));
    EXPECT_EQ(set.insert(3), inserted::yes);
    EXPECT_EQ(set.watermark(), 5);
    EXPECT_EQ(set.insert(6), inserted::yes);
    EXPECT_EQ(set.watermark(), 7);
    EXPECT_EQ(set.range_count(), 0U);
}

TEST(number_set, says_what_a_set_says_in_any_order) {
    seeded_random random{11};
    for (int round = 0; round < 300; ++round) {
        const auto most = 1 + random.below(200);
        std::set<std::int64_t> model;
        number_set set;
        for (int i = 0; i < 150; ++i) {
            const auto n = static_cast<std::int64_t>(1 + random.below(most));
            ASSERT_EQ(set.contains(n), model.contains(n));
            ASSERT_EQ(set.insert(n) == inserted::yes, model.insert(n).second);
            if (i % 10 == 0) {
                ASSERT_EQ(number_set::decode(set.encode()), set);
            }
        }
        for (std::int64_t n = 1; n <= static_cast<std::int64_t>(most) + 1; ++n)
            ASSERT_EQ(set.contains(n), model.contains(n)) << n;
        std::int64_t low = 0;
        while (model.contains(low + 1))
            ++low;
        ASSERT_EQ(set.watermark(), low);
    }
}

TEST(number_set, at_its_limit_it_takes_what_needs_no_new_range_and_nothing_else) {
    number_set set;
    for (std::size_t i = 1; i <= number_set::ranges_max; ++i)
        ASSERT_EQ(set.insert(static_cast<std::int64_t>(3 * i)), inserted::yes);
    const number_set before = set;
    const auto beyond = static_cast<std::int64_t>(3 * number_set::ranges_max + 10);
    EXPECT_EQ(set.insert(beyond), inserted::full);
    EXPECT_EQ(set, before) << "a refusal leaves no trace";
    EXPECT_FALSE(set.contains(beyond));
    EXPECT_EQ(set.insert(3), inserted::no) << "what is there is known";
    EXPECT_EQ(set.insert(4), inserted::yes) << "a range grows";
    EXPECT_EQ(set.insert(5), inserted::yes) << "two become one";
    EXPECT_EQ(set.insert(beyond), inserted::yes);
    EXPECT_EQ(set.insert(1), inserted::yes) << "the watermark is always free";
    EXPECT_LE(set.encode().size(), 2 * number_set::ranges_max + 20);
}

TEST(number_set, has_these_bytes_for_ever) {
    EXPECT_EQ(to_hex(number_set{}.encode()), "0100");
    EXPECT_EQ(to_hex(set_of({1, 2, 3}).encode()), "0103");
    EXPECT_EQ(
        to_hex(set_of({1, 3, 4, 300}).encode()),
        "0101"
        "0001"
        "a60200"
    );
}

TEST(number_set, the_largest_numbers_fit) {
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    number_set set = set_of({most, most - 2});
    EXPECT_EQ(number_set::decode(set.encode()), set);
    EXPECT_EQ(set.insert(most - 1), inserted::yes);
    EXPECT_EQ(set.insert(most), inserted::no);
    EXPECT_EQ(number_set::decode(set.encode()), set);
}

TEST(number_set, damage_is_refused) {
    const bytes whole = set_of({1, 3, 4, 300}).encode();
    for (const std::size_t size : {0U, 1U, 3U, 5U, 6U})
        EXPECT_THROW(number_set::decode(whole.substr(0, size)), error) << size;
    EXPECT_THROW(number_set::decode("\x02"), error);
    // Beyond the largest number.
    EXPECT_THROW(number_set::decode(from_hex("01ffffffffffffffffff01").value()), error);
    EXPECT_THROW(number_set::decode(from_hex("01ffffffffffffffff7f0000").value()), error);
    bytes many = from_hex("0100").value();
    for (std::size_t i = 0; i <= number_set::ranges_max; ++i)
        many += bytes(2, '\0');
    EXPECT_THROW(number_set::decode(many), error);
}

} // namespace
} // namespace outbox
