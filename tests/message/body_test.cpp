#include "outbox/base/error.hpp"
#include "outbox/message/body.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace outbox {
namespace {

TEST(body, named_values_become_one_json_object_in_the_order_given) {
    const std::string note = "a \"quote\" and a line\nbreak";
    const body made{
        {"zebra", 1},
        {"apple", -9'000'000'000},
        {"paid", true},
        {"share", 0.25},
        {"note", note}};
    EXPECT_EQ(
        made.payload(),
        R"({"zebra":1,"apple":-9000000000,"paid":true,"share":0.25,"note":"a \"quote\" and a line\nbreak"})"
    );
    EXPECT_EQ(made.content_type(), "application/json");
}

TEST(body, two_texts_are_a_name_and_a_value) {
    const body made = {{"state", "paid"}};
    EXPECT_EQ(made.payload(), R"({"state":"paid"})");
}

TEST(body, raw_bytes_stay_as_they_are) {
    const bytes odd{"\0\xff\r\n", 4};
    EXPECT_EQ(body::raw(odd).payload(), odd);
    EXPECT_EQ(body::raw(odd).content_type(), "");
}

TEST(body, refuses_what_json_cannot_say) {
    EXPECT_THROW((body{{"a", 1}, {"a", 2}}), error);
    EXPECT_THROW((body{{"a", std::numeric_limits<double>::infinity()}}), error);
    try {
        const body made{{"secret", "\xff\xfe-card-4111"}};
        FAIL() << "accepted bytes that are not UTF-8";
    } catch (const error& e) {
        EXPECT_EQ(std::string{e.what()}.find("4111"), std::string::npos)
            << "the error shows the payload";
    }
}

} // namespace
} // namespace outbox
