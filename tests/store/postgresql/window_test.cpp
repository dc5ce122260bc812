#include "outbox/store/postgresql/row_list.hpp"
#include "outbox/store/postgresql/window.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace outbox::postgresql {
namespace {

TEST(snapshot, reads_and_writes_what_postgresql_says) {
    for (const char* text :
         {"1:1:", "10:20:", "10:20:10,14,19", "18446744073709551614:18446744073709551615:"})
        EXPECT_EQ(snapshot::parse(text).value().text(), text);
    for (const char* bad :
         {"", "1", "a:b:", "20:10:", "10:20:9", "10:20:20", "10:20:14,12", "10:20:,", "10:20:1x"})
        EXPECT_FALSE(snapshot::parse(bad)) << bad;
}

TEST(snapshot, sees_what_was_over) {
    const snapshot s = snapshot::parse("10:20:10,14").value();
    EXPECT_TRUE(s.sees(9));
    EXPECT_FALSE(s.sees(10));
    EXPECT_TRUE(s.sees(11));
    EXPECT_FALSE(s.sees(14));
    EXPECT_TRUE(s.sees(19));
    EXPECT_FALSE(s.sees(20));
    EXPECT_FALSE(snapshot{}.sees(3));
}

TEST(window, its_text_has_the_format_that_is_written_down) {
    const window closed{.taken_by = {77, 3, "abcd"}, .last = snapshot::parse("5:9:6").value()};
    EXPECT_EQ(closed.text(), "77/3/abcd 5:9:6");
    window open = closed;
    open.current = snapshot::parse("9:12:").value();
    EXPECT_EQ(open.text(), "77/3/abcd 5:9:6 9:12:");
    for (const window& w : {closed, open})
        EXPECT_EQ(window::parse(w.text()).value().text(), w.text());
    for (const char* bad : {"", "77/3/abcd", "77 5:9:6", "x/3/a 5:9:6", "77/3/a 5:9:6 junk"})
        EXPECT_FALSE(window::parse(bad)) << bad;
}

TEST(row_list, a_packed_size_is_never_too_small_and_hardly_too_big) {
    for (std::uint64_t size = 1; size < (1ULL << 34U); size += 1 + size / 7) {
        const std::uint64_t back = unpack_size(pack_size(size));
        EXPECT_GE(back, size);
        EXPECT_LE(back, size + size / 1'000 + 1);
    }
    EXPECT_EQ(unpack_size(pack_size(0)), 0U);
}

TEST(row_list, keeps_the_lowest_and_knows_what_it_lacks) {
    row_list rows{10};
    for (std::int64_t i = 100; i > 0; --i)
        rows.add({.seq = i * 7 % 101});
    rows.sort();
    ASSERT_EQ(rows.size(), 10U);
    for (std::size_t i = 0; i < rows.size(); ++i)
        EXPECT_EQ(rows[i].seq, static_cast<std::int64_t>(i) + 1);
    EXPECT_FALSE(rows.complete());
    EXPECT_EQ(rows.complete_to(), 10);
    EXPECT_EQ(rows.first_after(0), 0U);
    EXPECT_EQ(rows.first_after(4), 4U);
    EXPECT_EQ(rows.first_after(10), 10U);

    row_list few{10};
    few.add({.seq = 3});
    few.sort();
    EXPECT_TRUE(few.complete());
}

} // namespace
} // namespace outbox::postgresql
