#include "outbox/base/hex.hpp"
#include "wire/header.hpp"

#include <gtest/gtest.h>

namespace outbox::wire {
namespace {

TEST(wire_header, client_id_stays_in_its_old_form_in_flexible_versions) {
    bytes data;
    writer out(data);
    write_request_header(
        out,
        {.api_key = 22, .version = 2, .correlation_id = 9, .client_id = "me"}
    );
    EXPECT_EQ(
        to_hex(data),
        "0016"
        "0002"
        "00000009"
        "00026d65"
        "00"
    );
}

TEST(wire_header, requests_before_the_first_flexible_version_carry_no_tags) {
    bytes data;
    writer out(data);
    write_request_header(out, {.api_key = 22, .version = 1, .correlation_id = 9});
    EXPECT_EQ(
        to_hex(data),
        "0016"
        "0001"
        "00000009"
        "ffff"
    );
    reader in(data);
    EXPECT_EQ(read_request_header(in).client_id, std::nullopt);
    EXPECT_TRUE(in.ok());
}

TEST(wire_header, api_versions_is_always_answered_without_tags) {
    for (std::int16_t version = 0; version < 8; ++version) {
        bytes data;
        writer out(data);
        write_response_header(out, 18, version, 7);
        EXPECT_EQ(to_hex(data), "00000007");
    }
    bytes data;
    writer out(data);
    write_response_header(out, 22, 2, 7);
    EXPECT_EQ(to_hex(data), "0000000700");
}

TEST(wire_header, an_unknown_key_is_a_failure_that_keeps_the_correlation_id) {
    const bytes data = from_hex("270f"
                                "0000"
                                "00000005"
                                "ffff")
                           .value();
    reader in(data);
    EXPECT_EQ(read_request_header(in).correlation_id, 5);
    EXPECT_EQ(in.error(), decode_error::unknown_api);
}

} // namespace
} // namespace outbox::wire
