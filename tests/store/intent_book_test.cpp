#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/base/random.hpp"
#include "outbox/store/intent_book.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(bound_messages, have_these_bytes_for_ever) {
    const std::vector<bound_message> three{
        {.seq = 300, .id_check = 0x01020304},
        {.seq = 301, .id_check = 0xfffefdfc},
        {.seq = 5'000'000'000, .id_check = 0}};
    EXPECT_EQ(
        to_hex(encode_bound(three)),
        "01"
        "ac0201020304"
        "01fffefdfc"
        "d3e197d01200000000"
    );
    EXPECT_EQ(decode_bound(encode_bound(three)), three);
    EXPECT_TRUE(decode_bound(encode_bound({})).empty());
}

TEST(bound_messages, come_back_in_any_order) {
    seeded_random random{7};
    for (int round = 0; round < 200; ++round) {
        std::vector<bound_message> all(random.below(50));
        for (bound_message& m : all)
            m = {
                .seq = static_cast<std::int64_t>(random.next() >> random.below(64)),
                .id_check = static_cast<std::uint32_t>(random.next())};
        EXPECT_EQ(decode_bound(encode_bound(all)), all);
    }
}

TEST(bound_messages, a_stretch_of_messages_costs_five_bytes_each) {
    std::vector<bound_message> all;
    for (std::int64_t seq = 1'000'000; seq < 1'005'000; ++seq)
        all.push_back({.seq = seq, .id_check = 1});
    EXPECT_LE(encode_bound(all).size(), 5'000U * 5 + 10);
}

TEST(bound_messages, damage_is_an_error_that_says_what_to_do) {
    const bytes whole = encode_bound(std::vector<bound_message>{{.seq = 300, .id_check = 1}});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        if (size == 1) // none at all
            continue;
        EXPECT_THROW(decode_bound(whole.substr(0, size)), error) << size;
    }
    try {
        decode_bound("\x02");
        FAIL() << "another version was accepted";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::corrupt);
        EXPECT_NE(e.hint(), "");
    }
}

TEST(bound_messages, another_message_in_the_same_row_is_told_apart) {
    message_id_generator ids;
    EXPECT_NE(bound(1, ids.next()), bound(1, ids.next()));
}

} // namespace
} // namespace outbox
