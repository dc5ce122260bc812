#include "outbox/store/mysql/open_holes.hpp"

#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace outbox::mysql {
namespace {

open_holes holes(const char* text) {
    return open_holes::parse(text).value();
}

TEST(mysql_open_holes, are_written_and_read_back) {
    for (const char* text : {"", "7", "1-2", "1-2,4,9-9000000000000000000"})
        EXPECT_EQ(holes(text).text(), text);
}

TEST(mysql_open_holes, refuse_what_they_do_not_write) {
    for (const char* text : {",", "1,", "2,1", "1-2,2", "3-1", "-1", "a", "1 ", "1-", "1,,2"})
        EXPECT_FALSE(open_holes::parse(text)) << text;
}

TEST(mysql_open_holes, join_when_they_touch) {
    open_holes all;
    all.append({1, 2});
    all.append({3, 3});
    all.append({5, 5});
    EXPECT_EQ(all.text(), "1-3,5");
}

TEST(mysql_open_holes, know_what_would_split_them) {
    const open_holes all = holes("3-5,9");
    for (const std::int64_t number : {2, 3, 5, 6, 9, 10})
        EXPECT_FALSE(all.is_inside(number)) << number;
    EXPECT_TRUE(all.is_inside(4));
}

TEST(mysql_open_holes, close_from_the_first_to_the_last_row_of_each) {
    open_holes all = holes("1-9,20-29,40");
    all.close_stretches(std::vector<std::int64_t>{3, 7, 15, 25, 35, 40, 50});
    EXPECT_EQ(all.text(), "1-2,8-9,20-24,26-29");
}

// Against a plain set of numbers.
TEST(mysql_open_holes, say_what_a_set_says) {
    seeded_random random{4};
    const auto as_set = [](const open_holes& all) {
        std::set<std::int64_t> result;
        for (const number_range& range : all.ranges())
            for (std::int64_t n = range.first; n <= range.last; ++n)
                result.insert(n);
        return result;
    };
    const auto some = [&] {
        open_holes result;
        std::int64_t at = 1;
        for (std::uint64_t i = random.below(6); i > 0; --i) {
            const auto first = at + static_cast<std::int64_t>(random.below(4));
            at = first + static_cast<std::int64_t>(random.below(4));
            result.append({first, at});
            ++at;
        }
        return result;
    };
    for (int round = 0; round < 5'000; ++round) {
        open_holes a = some();
        const open_holes b = some();
        auto expected = as_set(a);
        for (const std::int64_t n : as_set(b))
            expected.erase(n);
        EXPECT_EQ(as_set(a.without(b)), expected) << a.text() << " without " << b.text();
        EXPECT_EQ(open_holes::parse(a.without(b).text()), a.without(b));

        const auto last = static_cast<std::int64_t>(random.below(40));
        expected = as_set(a);
        expected.erase(expected.upper_bound(last), expected.end());
        EXPECT_EQ(as_set(a.up_to(last)), expected) << a.text() << " up to " << last;

        const auto first = static_cast<std::int64_t>(random.below(40));
        const number_range gone{first, first + static_cast<std::int64_t>(random.below(10))};
        expected = as_set(a);
        std::erase_if(expected, [&](std::int64_t n) { return n >= gone.first && n <= gone.last; });
        const std::string before = a.text();
        a.close(gone);
        EXPECT_EQ(as_set(a), expected) << before << " but " << gone.first << "-" << gone.last;
    }
}

} // namespace
} // namespace outbox::mysql
