#include "outbox/consumer/partition_window.hpp"

namespace outbox {

std::uint64_t partition_window::add(std::int64_t offset) {
    entries_.push_back({.offset = offset});
    behind_last_ = offset + 1;
    return first_number_ + entries_.size() - 1;
}

void partition_window::finish(std::uint64_t number) {
    entries_.at(number - first_number_).finished = true;
    ++finished_count_;
    while (!entries_.empty() && entries_.front().finished) {
        entries_.pop_front();
        ++first_number_;
    }
}

std::optional<std::int64_t> partition_window::committable() const noexcept {
    return entries_.empty() ? behind_last_ : entries_.front().offset;
}

} // namespace outbox
