#include "broker/server/request_pipeline.hpp"

#include <utility>

namespace outbox::broker {

request_pipeline::slot request_pipeline::open(std::size_t bytes) {
    slots_.push_back({.request_bytes = bytes});
    held_ += bytes;
    return first_ + slots_.size() - 1;
}

void request_pipeline::close(slot which, std::optional<bytes> answer) {
    if (which < first_ || which - first_ >= slots_.size())
        return;
    entry& e = slots_[which - first_];
    if (e.closed)
        return;
    e.closed = true;
    held_ -= e.request_bytes;
    held_ += answer ? answer->size() : 0;
    e.answer = std::move(answer);
    while (!slots_.empty() && slots_.front().closed && !slots_.front().answer) {
        slots_.pop_front();
        ++first_;
    }
}

std::optional<bytes> request_pipeline::take_writable() {
    if (slots_.empty() || !slots_.front().closed)
        return std::nullopt;
    std::optional<bytes> out = std::move(slots_.front().answer);
    do {
        slots_.pop_front();
        ++first_;
    } while (!slots_.empty() && slots_.front().closed && !slots_.front().answer);
    return out;
}

void request_pipeline::written(std::size_t bytes) {
    held_ -= bytes;
}

bool request_pipeline::may_read() const noexcept {
    return slots_.size() < most_.requests_max && held_ < most_.bytes_max;
}

} // namespace outbox::broker
