#include "outbox/message/receipt_request.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"
#include "outbox/message/codec.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

const receipt_request asked{"udp:127.0.0.1:41235", bytes{"\x01\x23\x45\x67\x89\xab\xcd\xef", 8}};

TEST(receipt_request, comes_out_as_it_went_in_and_leaves_the_headers_as_they_were) {
    for (const headers& all : {headers{}, headers{{"a", "1"}}, headers{{"a", "1"}, {"b", ""}}}) {
        const bytes before = encode_headers(all);
        bytes encoded = before;
        add_receipt_request(encoded, asked);
        EXPECT_EQ(decode_headers(encoded).size(), all.size() + 1) << "it is an ordinary header";
        EXPECT_EQ(take_receipt_request(encoded), asked);
        EXPECT_EQ(encoded, before);
        EXPECT_EQ(take_receipt_request(encoded), std::nullopt);
    }
}

TEST(receipt_request, is_written_like_this) {
    bytes encoded;
    add_receipt_request(encoded, asked);
    const headers all = decode_headers(encoded);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].name, "outbox-receipt");
    EXPECT_EQ(all[0].value, "udp:127.0.0.1:41235#0123456789abcdef");
}

TEST(receipt_request, one_more_header_than_a_user_may_send_is_fine) {
    headers all;
    for (std::size_t i = 0; i < header_count_max; ++i)
        all.push_back({"h" + std::to_string(i), "v"});
    bytes encoded = encode_headers(all);
    add_receipt_request(encoded, asked);
    EXPECT_EQ(take_receipt_request(encoded), asked);
    EXPECT_EQ(decode_headers(encoded), all);
}

TEST(receipt_request, what_cannot_be_understood_is_taken_out_all_the_same) {
    for (const char* value :
         {"", "#", "udp:127.0.0.1:1", "udp:127.0.0.1:1#", "udp:127.0.0.1:1#zz", "x#0123"}) {
        bytes encoded = encode_headers({{"outbox-receipt", value}, {"a", "1"}});
        EXPECT_EQ(take_receipt_request(encoded), std::nullopt) << value;
        EXPECT_EQ(decode_headers(encoded), (headers{{"a", "1"}})) << value;
    }
    bytes encoded =
        encode_headers({{"outbox-receipt", std::string(65, 'a') + "#0123456789abcdef"}});
    EXPECT_EQ(take_receipt_request(encoded), std::nullopt) << "no address is that long";
}

// Any bytes: nothing may be read outside of them, and what is not ours stays byte for byte, so that
// the target refuses it with its own words.
TEST(receipt_request, damaged_headers_do_no_harm) {
    seeded_random random{7};
    bytes good = encode_headers({{"a", "1"}});
    add_receipt_request(good, asked);
    for (int round = 0; round < 200'000; ++round) {
        bytes damaged = good.substr(0, random.below(good.size() + 1));
        for (std::uint64_t flips = random.below(4); flips > 0 && !damaged.empty(); --flips)
            damaged[random.below(damaged.size())] = static_cast<char>(random.next());
        const std::size_t size = damaged.size();
        static_cast<void>(take_receipt_request(damaged));
        EXPECT_LE(damaged.size(), size);
        try {
            static_cast<void>(decode_headers(damaged));
        } catch (const error&) {
        }
    }
}

} // namespace
} // namespace outbox
