#pragma once
// The steps of claim_record.hpp in Redis' words. A value is 'c' (claimed) or 'd' (done) and the
// token. KEYS[1] is the key, ARGV[1] the token, ARGV[2] milliseconds. Internal to this folder.

#include <string_view>

namespace outbox::redis {

struct script {
    std::string_view text{};
    /// SHA-1 of the text, by which the server knows it.
    std::string_view hash{};
};

// A claim without a time to live would be held for ever; nothing of ours makes one.
inline constexpr script claim_script{
    R"(local v = redis.call('get', KEYS[1])
local left = v and redis.call('pttl', KEYS[1])
if v and string.sub(v, 1, 1) == 'd' then return {string.sub(v, 2), 1, 0} end
if v and string.sub(v, 1, 1) ~= 'c' then return redis.error_reply('OUTBOX this key holds no claim') end
if v and left >= 0 and v ~= 'c' .. ARGV[1] then return {string.sub(v, 2), 0, left} end
redis.call('set', KEYS[1], 'c' .. ARGV[1], 'px', ARGV[2])
return {ARGV[1], 0, tonumber(ARGV[2])})",
    "dc19a33ceaa867af14660eb45e11c9b196e1b48f"};

inline constexpr script complete_script{
    R"(local v = redis.call('get', KEYS[1])
if v and string.sub(v, 2) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], 'd' .. ARGV[1], 'px', ARGV[2])
return 1)",
    "7d3918f99982dd853fe1b1ec7a88878e2b087cd2"};

inline constexpr script extend_script{
    R"(if redis.call('get', KEYS[1]) ~= 'c' .. ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2]))",
    "0bd5c81470dca22512047d365288f7571e4267dd"};

inline constexpr script release_script{
    R"(if redis.call('get', KEYS[1]) ~= 'c' .. ARGV[1] then return 0 end
return redis.call('del', KEYS[1]))",
    "1582af9ba48141f40a404785331f2ced9aa70cfc"};

} // namespace outbox::redis
