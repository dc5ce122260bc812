#include "outbox/message/trace_context.hpp"

#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace outbox {
namespace {

// The example of the specification.
const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string state_of(std::string_view text) {
    return trace_context::parse(parent, text).value().state();
}

TEST(trace_context, takes_the_example_of_the_specification_apart) {
    const auto trace = trace_context::parse(parent, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    ASSERT_TRUE(trace);
    EXPECT_EQ(trace->parent(), parent);
    EXPECT_EQ(trace->trace_id(), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(trace->parent_id(), "b7ad6b7169203331");
    EXPECT_TRUE(trace->sampled());
    EXPECT_EQ(trace->state(), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
}

TEST(trace_context, only_the_last_bit_of_the_flags_says_sampled) {
    const std::string without = parent.substr(0, 53);
    EXPECT_FALSE(trace_context::parse(without + "00")->sampled());
    EXPECT_FALSE(trace_context::parse(without + "fe")->sampled());
    EXPECT_TRUE(trace_context::parse(without + "ff")->sampled());
    EXPECT_EQ(trace_context::parse(without + "03")->parent(), without + "03") << "kept as it came";
}

TEST(trace_context, an_invalid_parent_is_no_trace) {
    const std::vector<std::string> invalid{
        "",
        parent.substr(0, 54),
        parent + "-",
        parent + "-00",
        " " + parent,
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
        "00-0af7651916cd43dd8448eb211c8031-9cb7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "ff" + parent.substr(2),
        "0x" + parent.substr(2),
    };
    for (const std::string& text : invalid)
        EXPECT_EQ(trace_context::parse(text, "a=1"), std::nullopt) << text;
}

TEST(trace_context, a_version_to_come_is_read_as_far_as_it_is_known) {
    for (const std::string rest : {"", "-", "-what-the-future-will-be-like"}) {
        const auto trace = trace_context::parse("cc" + parent.substr(2) + rest);
        ASSERT_TRUE(trace) << rest;
        EXPECT_EQ(trace->parent(), parent);
    }
    const std::string flags_to_come = "cc" + parent.substr(2, 51) + "fe";
    EXPECT_EQ(trace_context::parse(flags_to_come)->parent(), parent.substr(0, 53) + "00");
    EXPECT_EQ(trace_context::parse("cc" + parent.substr(2) + ".x"), std::nullopt);
    EXPECT_EQ(trace_context::parse("cc" + parent.substr(2, 52)), std::nullopt);
}

TEST(trace_context, a_state_comes_without_its_blanks) {
    EXPECT_EQ(state_of(" a=1 ,\tb=2\t,, ,c=x y,"), "a=1,b=2,c=x y");
    EXPECT_EQ(state_of("a= 1"), "a= 1") << "a blank may begin a value";
    EXPECT_EQ(state_of("fw529a3039@dt=~!;"), "fw529a3039@dt=~!;");
    EXPECT_EQ(state_of("0tenant/*@s-_1=v"), "0tenant/*@s-_1=v");
}

TEST(trace_context, an_invalid_state_is_left_out_and_the_parent_stays) {
    const std::string longest = std::string(256, 'k') + "=" + std::string(256, 'v');
    EXPECT_EQ(state_of(longest), longest);
    const std::string tenant = std::string(241, 't') + "@" + std::string(14, 's');
    EXPECT_EQ(state_of(tenant + "=1"), tenant + "=1");
    const std::vector<std::string> invalid{
        "a",
        "a=",
        "=1",
        "a=1,b",
        "a=1,a=2",
        "A=1",
        "1a=1",
        "a =1",
        "a@=1",
        "@a=1",
        "a@@b=1",
        "a@b@c=1",
        "a@1b=1",
        "a=1=2",
        "a=\x7f",
        "a=\xc3\xa9",
        std::string("a=\0", 3),
        "k" + longest,
        longest + "v",
        "t" + tenant + "=1",
        tenant + "s=1",
    };
    for (const std::string& text : invalid)
        EXPECT_EQ(state_of(text), "") << text;
}

TEST(trace_context, a_state_has_at_most_32_members) {
    std::string text;
    for (int i = 0; i < 32; ++i)
        text += (i == 0 ? "k" : ",k") + std::to_string(i) + "=v";
    EXPECT_EQ(state_of(text), text);
    EXPECT_EQ(state_of(text + ",,"), text) << "empty ones do not count";
    EXPECT_EQ(state_of(text + ",k32=v"), "");
}

TEST(trace_context, is_found_among_headers) {
    const auto whole = trace_context::parse(parent, "a=1,b=2");
    EXPECT_EQ(
        find_trace(
            {{"tracestate", "a=1"}, {"x", "y"}, {"traceparent", parent}, {"tracestate", "b=2"}}
        ),
        whole
    );
    EXPECT_EQ(find_trace({{"tracestate", "a=1"}}), std::nullopt);
    EXPECT_EQ(find_trace({{"traceparent", parent}, {"traceparent", parent}}), std::nullopt);
    EXPECT_EQ(find_trace({{"Traceparent", parent}}), std::nullopt);
    EXPECT_EQ(find_trace({}), std::nullopt);
}

// Of whatever is read, what comes out is valid, bounded, and read again as the same.
TEST(trace_context, what_was_read_once_is_read_again_as_the_same) {
    constexpr std::string_view letters = "0123456789abcdefg-=,@ \t*/_A~\x80";
    constexpr int rounds = 50'000;
    seeded_random random{17};
    int read = 0;
    int with_state = 0;
    for (int round = 0; round < rounds; ++round) {
        std::string text = parent;
        for (std::uint64_t i = random.next() % 3; i > 0; --i)
            text[random.next() % text.size()] = letters[random.next() % letters.size()];
        std::string state = "a=1,b@c=2";
        for (std::uint64_t i = random.next() % 4; i > 0; --i)
            state.insert(
                random.next() % (state.size() + 1),
                1,
                letters[random.next() % letters.size()]
            );
        const auto trace = trace_context::parse(text, state);
        if (!trace)
            continue;
        ++read;
        with_state += trace->state().empty() ? 0 : 1;
        ASSERT_EQ(trace->parent().size(), 55U);
        ASSERT_LE(trace->state().size(), state.size());
        ASSERT_EQ(trace_context::parse(trace->parent(), trace->state()), trace) << text << state;
    }
    EXPECT_GT(read, rounds / 4);
    EXPECT_LT(read, rounds);
    EXPECT_GT(with_state, rounds / 10);
    EXPECT_LT(with_state, read);
}

} // namespace
} // namespace outbox
