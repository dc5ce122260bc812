#include "wire/frame_reader.hpp"

#include "wire/api_key.hpp"
#include "wire/header.hpp"
#include "wire/limits.hpp"
#include "wire/reader.hpp"

#include <algorithm>
#include <cstring>

namespace outbox::wire {

namespace {

constexpr std::size_t length_bytes = 4;
constexpr std::size_t read_bytes_min = 16 * 1024;
constexpr std::size_t read_bytes_max = 1024 * 1024;

std::size_t limit_of(api_key key) {
    if (key == api_key::produce)
        return frame_bytes_max;
    if (key == api_key::join_group || key == api_key::sync_group || key == api_key::offset_commit)
        return group_frame_bytes_max;
    return small_frame_bytes_max;
}

} // namespace

std::span<char> frame_reader::room() {
    if (begin_ == end_)
        begin_ = end_ = 0;
    if (buffer_.size() - end_ < read_bytes_min / 2) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        // Doubles while a large frame arrives, and shrinks back when it has gone.
        const std::size_t wanted = end_ + std::clamp(end_, read_bytes_min, read_bytes_max);
        if (buffer_.size() < wanted)
            buffer_.resize(wanted);
    }
    return {buffer_.data() + end_, buffer_.size() - end_};
}

void frame_reader::filled(std::size_t size) {
    end_ += size;
}

std::optional<bytes> frame_reader::next() {
    const bytes_view data(buffer_.data() + begin_, end_ - begin_);
    if (error_ || data.size() < length_bytes)
        return std::nullopt;
    reader in(data);
    announced_ = in.int32();
    if (announced_ < static_cast<std::int64_t>(request_prefix_bytes)) {
        error_ = decode_error::frame_too_small;
        return std::nullopt;
    }
    if (announced_ > static_cast<std::int64_t>(frame_bytes_max)) {
        error_ = decode_error::frame_too_large;
        return std::nullopt;
    }
    if (data.size() >= length_bytes + sizeof(std::int16_t)) {
        const auto key = static_cast<api_key>(in.int16());
        if (announced_ > static_cast<std::int64_t>(limit_of(key))) {
            error_ = decode_error::frame_too_large;
            return std::nullopt;
        }
    }
    const auto size = static_cast<std::size_t>(announced_);
    if (data.size() < length_bytes + size)
        return std::nullopt;
    bytes frame(data.substr(length_bytes, size));
    begin_ += length_bytes + size;
    if (begin_ == end_ && buffer_.size() > read_bytes_max) {
        release(buffer_);
        begin_ = end_ = 0;
    }
    return frame;
}

} // namespace outbox::wire
