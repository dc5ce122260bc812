#pragma once
// Every step of a claim_store once: for what asks whether a user may.

#include "outbox/store/claim_store.hpp"

#include <gtest/gtest.h>

#include <string>

namespace outbox {

inline void take_every_step(claim_store& claims) {
    const claim_key key{.group = "billing", .key = "1"};
    const std::string token(claim_token_bytes, 't');
    const std::chrono::minutes hold{1};
    EXPECT_EQ(claims.claim(key, token, hold)->token, token);
    EXPECT_TRUE(claims.extend(key, token, hold));
    EXPECT_TRUE(claims.complete(key, token));
    claims.release(key, token);
    EXPECT_TRUE(claims.claim(key, token, hold)->done);
    claims.forget_before(std::chrono::hours{1}, 10);
}

} // namespace outbox
