// Any bytes as what a Redis answers, through hiredis, to a checker that keeps its claims there: in
// turn to INFO and to each step. Whatever they are, a step says what it may say or throws our
// error.

#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace {

using namespace outbox;
using namespace std::chrono_literals;

// hiredis 0.14 asks for the memory of as many elements as it is told of.
bool tells_of_many_elements(bytes_view input) {
    std::size_t digits = 0;
    for (const char c : input) {
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        if (digits > 5)
            return true;
    }
    return false;
}

redis_command answer_with(bytes_view input) {
    const std::shared_ptr<::redisReader> reader{::redisReaderCreate(), ::redisReaderFree};
    ::redisReaderFeed(reader.get(), input.data(), input.size());
    return [reader](std::span<const bytes_view>) {
        void* raw = nullptr;
        if (::redisReaderGetReply(reader.get(), &raw) != REDIS_OK || raw == nullptr)
            throw error(error_kind::unreachable, "no more");
        const std::unique_ptr<void, void (*)(void*)> reply{raw, ::freeReplyObject};
        return detail::from_hiredis(*static_cast<const ::redisReply*>(raw));
    };
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view input(reinterpret_cast<const char*>(data), size);
    if (tells_of_many_elements(input))
        return 0;
    try {
        const auto store =
            open_redis_claims(answer_with(input), retention{24h, redelivery_horizon{24h}});
        const claim_key key{.group = "billing", .key = "1"};
        const bytes token(claim_token_bytes, 't');
        for (int round = 0; round < 8; ++round)
            try {
                const auto view = store->claim(key, token, 30s);
                if (!view || view->remaining < 0ms || view->token.size() != claim_token_bytes)
                    std::abort();
                store->extend(key, token, 30s);
                store->complete(key, token);
                store->release(key, token);
            } catch (const error& e) {
                if (e.kind() == error_kind::unreachable)
                    break;
            }
    } catch (const error&) { // the server is refused
    }
    return 0;
}
