#include "outbox/base/error.hpp"
#include "outbox/consumer/group_name.hpp"
#include "outbox/consumer/handler.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/message/envelope.hpp"

#include <gmock/gmock.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

TEST(delivery, a_body_is_read_as_it_was_written) {
    const body sent{{"orderId", 42}, {"paid", true}, {"note", "gift"}, {"weight", 1.5}};
    const received_body got{sent.payload()};
    EXPECT_EQ(got.integer("orderId"), 42);
    EXPECT_TRUE(got.truth("paid"));
    EXPECT_EQ(got.text("note"), "gift");
    EXPECT_EQ(got.number("weight"), 1.5);
    EXPECT_EQ(got.number("orderId"), 42.0);
    EXPECT_TRUE(got.has("note"));
    EXPECT_FALSE(got.has("nothing"));
}

TEST(delivery, a_body_that_is_not_what_was_expected_says_which_field) {
    const received_body got{R"({"secret":"s3","n":18446744073709551615})"};
    const auto words = [](auto ask) {
        try {
            ask();
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::corrupt);
            return std::string{e.what()};
        }
        return std::string{};
    };
    EXPECT_EQ(words([&] { got.integer("orderId"); }), R"(the body's field "orderId" is absent)");
    const auto wrong = words([&] { got.integer("secret"); });
    EXPECT_THAT(wrong, ::testing::HasSubstr("\"secret\""));
    EXPECT_THAT(wrong, ::testing::Not(::testing::HasSubstr("s3")));
    EXPECT_NE(words([&] { got.integer("n"); }), "");
    EXPECT_NE(words([&] { got.truth("secret"); }), "");
    EXPECT_NE(words([&] { got.number("secret"); }), "");
    EXPECT_NE(words([&] { got.text("n"); }), "");
    for (const char* payload : {"", "[1]", "42", "{\"a\":", "\xff"})
        EXPECT_NE(words([&] { received_body{payload}; }), "") << payload;
    EXPECT_NE(words([&] { received_body{"{\"a\":" + std::string(100'000, '[')}; }), "");
}

TEST(delivery, what_is_not_there_is_absent) {
    const delivery d{
        .subject = subject{"orders.paid"},
        .tags = {"vip", "eu"},
        .properties = {{"x", "1"}, {"x", "2"}}};
    EXPECT_TRUE(d.has_tag("eu"));
    EXPECT_FALSE(d.has_tag("e"));
    EXPECT_EQ(d.trace(), std::nullopt);
    EXPECT_EQ(*d.property("x"), "1");
    EXPECT_EQ(d.property("y"), nullptr);
}

TEST(delivery, a_handler_carries_the_trace_on_in_one_line) {
    const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const delivery d{
        .subject = subject{"orders.paid"},
        .properties = {{"traceparent", parent}, {"tracestate", "congo=t61rcWkgMzE"}}};
    const message next{.to = subject{"parcels.packed"}, .trace = d.trace()};
    const headers sent = decode_headers(freeze(next, message_id{}, {}).headers);
    EXPECT_EQ(find_trace(sent), d.trace());
    EXPECT_EQ(*find_header(sent, "traceparent"), parent);
    EXPECT_EQ(*find_header(sent, "tracestate"), "congo=t61rcWkgMzE");
}

TEST(delivery, a_groups_name_leaves_room_for_its_topics) {
    EXPECT_EQ(group_name::parse("billing").text(), "billing");
    EXPECT_EQ(group_name::parse(std::string(100, 'a')).text().size(), 100U);
    for (const auto& text :
         {std::string(101, 'a'), std::string{}, std::string{"a b"}, std::string{".."}})
        EXPECT_THROW(group_name::parse(text), error) << text;
}

TEST(delivery, an_outcome_holds_what_it_was_given) {
    EXPECT_EQ(outcome::retry_after(30s).delay(), 30s);
    EXPECT_EQ(outcome::retry_after(-30s).delay(), 0s);
    EXPECT_EQ(outcome::dead_letter("no such order").reason(), "no such order");
    EXPECT_EQ(outcome::ack(), outcome::ack());
    EXPECT_NE(outcome::ack(), outcome::retry());
    EXPECT_STREQ(to_string(outcome::unavailable("bank").kind()), "unavailable");
}

constexpr auto answers = [](const delivery&) { return outcome::ack(); };
constexpr auto says_nothing = [](const delivery&) {};
constexpr auto says_true = [](const delivery&) { return true; };
static_assert(handler<decltype(answers)>);
static_assert(!handler<decltype(says_nothing)>);
static_assert(!handler<decltype(says_true)>);

} // namespace
} // namespace outbox
