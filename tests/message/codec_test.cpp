#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/message/codec.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(header_codec, golden_bytes) {
    const headers all{{"outbox-tag", "vip"}, {"n", bytes{"\0\xff", 2}}};
    EXPECT_EQ(
        to_hex(encode_headers(all)),
        "01"
        "0002"
        "000a6f7574626f782d746167"
        "00000003766970"
        "00016e"
        "0000000200ff"
    );
    EXPECT_EQ(decode_headers(encode_headers(all)), all);
}

TEST(header_codec, no_headers_are_no_bytes) {
    EXPECT_EQ(encode_headers({}), "");
    EXPECT_TRUE(decode_headers("").empty());
}

TEST(header_codec, every_cut_and_every_surplus_is_corrupt) {
    const bytes whole = encode_headers({{"a", "bc"}, {"de", ""}});
    for (std::size_t length = 1; length < whole.size(); ++length)
        EXPECT_THROW(decode_headers(bytes_view{whole}.substr(0, length)), error) << length;
    EXPECT_THROW(decode_headers(whole + "x"), error);
    EXPECT_THROW(decode_headers("\x02" + whole.substr(1)), error) << "another version";
}

TEST(header_codec, a_declared_length_is_never_believed) {
    const auto huge = from_hex("01ffff"
                               "000161"
                               "ffffffff"
                               "00");
    EXPECT_THROW(decode_headers(*huge), error);
}

TEST(header_codec, what_is_appended_stands_behind) {
    const headers added{{"x", "1"}, {"y", ""}};
    for (const headers& there :
         {headers{}, headers{{"a", "bc"}}, headers{{"a", "bc"}, {"x", "0"}}}) {
        bytes encoded = encode_headers(there);
        append_headers(encoded, added);
        headers all = there;
        all.insert(all.end(), added.begin(), added.end());
        EXPECT_EQ(decode_headers(encoded), all);
        append_headers(encoded, {});
        EXPECT_EQ(decode_headers(encoded), all);
    }
}

TEST(header_codec, appending_makes_no_damage_good) {
    const bytes whole = encode_headers({{"a", "bc"}, {"de", ""}});
    for (std::size_t length = 1; length < whole.size(); ++length) {
        bytes cut = whole.substr(0, length);
        append_headers(cut, {{"x", "1"}});
        EXPECT_THROW(decode_headers(cut), error) << length;
    }
}

TEST(header_codec, refuses_what_it_could_not_read_back) {
    EXPECT_THROW(encode_headers({{"", "x"}}), error);
    EXPECT_THROW(encode_headers({{std::string(256, 'n'), "x"}}), error);
    EXPECT_THROW(encode_headers(headers(101, {"a", "b"})), error);
}

} // namespace
} // namespace outbox
