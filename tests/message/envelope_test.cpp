#include "outbox/base/error.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/message/envelope.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

const subject order_paid{"orders.paid"};
const message_id some_id = *message_id::parse("0190b3d4-0000-7000-8000-000000000001");

TEST(envelope, freezes_every_part_of_a_message) {
    const envelope frozen = freeze(
        {.to = order_paid,
         .body = {{"orderId", 42}},
         .key = order_key{42},
         .tags = {tag{"vip"}, tag{"eu"}},
         .properties = {{"source", "shop"}}},
        some_id,
        {}
    );
    EXPECT_EQ(frozen.id, some_id);
    EXPECT_EQ(frozen.subject, "orders.paid");
    EXPECT_EQ(frozen.key, "42");
    EXPECT_EQ(frozen.payload, R"({"orderId":42})");
    const headers expected{
        {"content-type", "application/json"},
        {"outbox-tag", "vip"},
        {"outbox-tag", "eu"},
        {"source", "shop"}};
    EXPECT_EQ(decode_headers(frozen.headers), expected);
}

TEST(envelope, the_trace_travels_behind_the_properties_and_replaces_those_of_its_names) {
    const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    message m{
        .to = order_paid,
        .body = body::raw("x"),
        .properties = {{"traceparent", "old"}, {"tracestate", "old"}, {"source", "shop"}},
        .trace = trace_context::parse(parent, "rojo=1")};
    const headers expected{{"source", "shop"}, {"traceparent", parent}, {"tracestate", "rojo=1"}};
    EXPECT_EQ(decode_headers(freeze(m, some_id, {}).headers), expected);
    m.trace = trace_context::parse(parent);
    EXPECT_EQ(find_header(decode_headers(freeze(m, some_id, {}).headers), "tracestate"), nullptr);
    m.trace.reset();
    EXPECT_EQ(decode_headers(freeze(m, some_id, {}).headers), m.properties) << "not looked into";
}

TEST(envelope, a_bare_message_has_no_headers_and_no_key) {
    const envelope frozen = freeze({.to = order_paid, .body = body::raw("x")}, some_id, {});
    EXPECT_EQ(frozen.headers, "");
    EXPECT_FALSE(frozen.key);
}

TEST(envelope, the_limit_counts_key_headers_and_payload) {
    const message_limits limits{.message_bytes_max = 10};
    EXPECT_NO_THROW(freeze(
        {.to = order_paid, .body = body::raw("12345678"), .key = order_key{"ab"}},
        some_id,
        limits
    ));
    EXPECT_THROW(
        freeze(
            {.to = order_paid, .body = body::raw("123456789"), .key = order_key{"ab"}},
            some_id,
            limits
        ),
        error
    );
}

TEST(envelope, refuses_an_eleventh_tag_and_a_reserved_property) {
    EXPECT_THROW(
        freeze({.to = order_paid, .tags = std::vector<tag>(11, tag{"t"})}, some_id, {}),
        error
    );
    EXPECT_THROW(
        freeze({.to = order_paid, .properties = {{"outbox-id", "forged"}}}, some_id, {}),
        error
    );
}

} // namespace
} // namespace outbox
