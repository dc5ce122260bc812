// Any bytes as a frame from a client, and as the body of any message that we decode. No crash, no
// sanitizer report, no allocation beyond a multiple of the input, and what was understood is
// written back as something that reads the same.

#include "wire/apis.hpp"
#include "wire/frame_reader.hpp"
#include "wire/header.hpp"
#include "wire/message.hpp"

#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

using namespace outbox;

std::size_t cost = 0;

void count(const volatile void*, std::size_t size) {
    cost += size;
}
void ignore(const volatile void*) {}

/// An empty compact string takes one byte on the wire and an std::string here.
constexpr std::size_t ratio_max = 3 * sizeof(std::string) + 8;

template <class Message>
void check(bytes_view body, std::int16_t version) {
    cost = 0;
    wire::reader in(body);
    Message first;
    wire::decode(in, first, version);
    if (cost > ratio_max * body.size() + 64)
        std::abort();
    if (!in.ok())
        return;
    const bytes data = wire::encoded(first, version);
    wire::reader again(data);
    Message second;
    wire::decode(again, second, version);
    again.expect_end();
    if (!again.ok() || !(first == second) || wire::encoded(second, version) != data)
        std::abort();
}

void frames(bytes_view stream) {
    wire::frame_reader in;
    while (!stream.empty()) {
        const auto room = in.room();
        const std::size_t size = std::min({room.size(), stream.size(), std::size_t{1000}});
        std::memcpy(room.data(), stream.data(), size);
        in.filled(size);
        stream.remove_prefix(size);
        while (in.next()) {
        }
        if (in.error())
            return;
    }
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    __sanitizer_install_malloc_and_free_hooks(count, ignore);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view input(reinterpret_cast<const char*>(data), size);
    frames(input);

    // As a request: the header chooses API and version, as in the broker.
    wire::reader in(input);
    const wire::request_header header = wire::read_request_header(in);
    if (!in.ok())
        return 0;
    const bytes_view body = input.substr(in.position());
    wire::all_apis::for_each([&]<class Api>() {
        if (static_cast<std::int16_t>(Api::key) != header.api_key ||
            !Api::versions.contains(header.version))
            return;
        check<typename Api::request>(body, header.version);
        check<typename Api::response>(body, header.version);
    });
    return 0;
}
