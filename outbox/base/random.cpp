#include "outbox/base/random.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace outbox {
namespace {

class kernel_random final : public random_source {
public:
    std::uint64_t next() override {
        std::uint64_t value = 0;
        while (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
            if (errno != EINTR)
                throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        return value;
    }
};

} // namespace

std::uint64_t random_source::below(std::uint64_t bound) {
    // Rejects the last incomplete stripe, so that no value is likelier than another.
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t value = next();
    while (value >= limit)
        value = next();
    return value % bound;
}

void random_source::fill(std::span<unsigned char> out) {
    while (!out.empty()) {
        const std::uint64_t value = next();
        const std::size_t count = std::min(out.size(), sizeof value);
        std::memcpy(out.data(), &value, count);
        out = out.subspan(count);
    }
}

random_source& system_random() noexcept {
    static kernel_random instance;
    return instance;
}

std::uint64_t seeded_random::next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
}

} // namespace outbox
