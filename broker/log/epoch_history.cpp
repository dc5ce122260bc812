#include "broker/log/epoch_history.hpp"

#include <algorithm>

namespace outbox::broker {

void epoch_history::begin(std::int32_t epoch, std::int64_t offset) {
    while (!starts_.empty() && starts_.back().offset >= offset)
        starts_.pop_back();
    starts_.push_back({epoch, offset});
}

void epoch_history::trim(std::int64_t first_offset) {
    const auto after = std::upper_bound(
        starts_.begin(),
        starts_.end(),
        first_offset,
        [](std::int64_t offset, const epoch_start& start) { return offset < start.offset; }
    );
    if (after - starts_.begin() > 1)
        starts_.erase(starts_.begin(), after - 1);
}

std::int32_t epoch_history::epoch_of(std::int64_t offset) const noexcept {
    const auto after = std::upper_bound(
        starts_.begin(),
        starts_.end(),
        offset,
        [](std::int64_t o, const epoch_start& start) { return o < start.offset; }
    );
    return after == starts_.begin() ? -1 : (after - 1)->epoch;
}

} // namespace outbox::broker
