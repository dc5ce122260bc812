// Any bytes as what stands in the columns of numbering: an intent's messages, and a set of applied
// numbers. What is accepted has one form.

#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/number_set.hpp"
#include "outbox/store/intent_book.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace outbox;
    const bytes_view input(reinterpret_cast<const char*>(data), size);
    try {
        if (encode_bound(decode_bound(input)) != input)
            std::abort();
    } catch (const error&) {
    }
    try {
        number_set set = number_set::decode(input);
        if (set.encode() != input)
            std::abort();
        const std::int64_t next = set.watermark() + (set.watermark() < INT64_MAX ? 1 : 0);
        if (set.insert(next) == number_set::inserted::full || !set.contains(next))
            std::abort();
        if (number_set::decode(set.encode()) != set)
            std::abort();
    } catch (const error&) {
    }
    return 0;
}
