// Any bytes as the headers `traceparent` and `tracestate`, split at the first line feed: what is
// read is within its bounds and is read again as the same.

#include "outbox/message/trace_context.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace outbox;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::size_t end = all.find('\n');
    const std::string_view parent = all.substr(0, end);
    const std::string_view state =
        end == std::string_view::npos ? std::string_view{} : all.substr(end + 1);
    const auto read = trace_context::parse(parent, state);
    if (!read)
        return 0;
    constexpr std::size_t state_bytes_max = 32 * 513 + 31;
    if (read->parent().size() != 55 || read->state().size() > state_bytes_max ||
        trace_context::parse(read->parent(), read->state()) != read)
        std::abort();
    return 0;
}
