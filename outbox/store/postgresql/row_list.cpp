#include "outbox/store/postgresql/row_list.hpp"

#include <algorithm>

namespace outbox::postgresql {
namespace {

constexpr unsigned mantissa_bits = 11;

bool before(const row_place& a, const row_place& b) noexcept {
    return a.seq < b.seq;
}

} // namespace

std::uint16_t pack_size(std::uint64_t bytes) noexcept {
    unsigned exponent = 0;
    while (bytes >> mantissa_bits != 0) {
        bytes = (bytes + 1) >> 1U;
        ++exponent;
    }
    return static_cast<std::uint16_t>(exponent << mantissa_bits | bytes);
}

std::uint64_t unpack_size(std::uint16_t packed) noexcept {
    const std::uint64_t mantissa = packed & ((1U << mantissa_bits) - 1);
    return mantissa << (packed >> mantissa_bits);
}

void row_list::add(const row_place& place) {
    if (place.seq > complete_to_)
        return;
    places_.push_back(place);
    if (places_.size() >= 2 * rows_max_)
        shrink();
}

void row_list::shrink() {
    if (places_.size() <= rows_max_)
        return;
    const auto last = places_.begin() + static_cast<std::ptrdiff_t>(rows_max_) - 1;
    std::nth_element(places_.begin(), last, places_.end(), before);
    complete_to_ = last->seq;
    places_.resize(rows_max_);
}

void row_list::sort() {
    shrink();
    std::sort(places_.begin(), places_.end(), before);
}

std::size_t row_list::first_after(std::int64_t seq) const noexcept {
    const auto found =
        std::upper_bound(places_.begin(), places_.end(), row_place{.seq = seq}, before);
    return static_cast<std::size_t>(found - places_.begin());
}

} // namespace outbox::postgresql
