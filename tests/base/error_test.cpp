#include "outbox/base/error.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(error, says_what_failed_and_what_to_do) {
    const error e{
        error_kind::schema_mismatch,
        "no table outbox.message",
        "run `outbox migrate up`"};
    EXPECT_STREQ(e.what(), "no table outbox.message; run `outbox migrate up`");
    EXPECT_EQ(e.hint(), "run `outbox migrate up`");
    EXPECT_FALSE(e.retryable());
}

TEST(error, only_a_lost_commit_answer_is_in_doubt) {
    EXPECT_TRUE((error{error_kind::in_doubt, "x"}.in_doubt()));
    EXPECT_FALSE((error{error_kind::unreachable, "x"}.in_doubt()));
    EXPECT_FALSE((error{error_kind::in_doubt, "x"}.retryable()));
}

} // namespace
} // namespace outbox
