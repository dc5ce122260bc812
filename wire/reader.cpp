#include "wire/reader.hpp"

#include "wire/limits.hpp"

namespace outbox::wire {

void reader::fail(decode_error why) noexcept {
    if (!error_)
        error_ = why;
}

std::uint64_t reader::base128(std::size_t bytes_max) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes_max; ++i) {
        if (error_ || remaining() == 0) {
            fail(decode_error::truncated);
            return 0;
        }
        const auto byte = static_cast<unsigned char>(data_[position_++]);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0)
            return value;
    }
    fail(decode_error::bad_varint);
    return 0;
}

std::uint32_t reader::uvarint() noexcept {
    const std::uint64_t value = base128(5);
    if (value > 0xffffffffu) {
        fail(decode_error::bad_varint);
        return 0;
    }
    return static_cast<std::uint32_t>(value);
}

std::int32_t reader::varint() noexcept {
    const std::uint64_t value = base128(5);
    if (value > 0xffffffffu) {
        fail(decode_error::bad_varint);
        return 0;
    }
    const auto raw = static_cast<std::uint32_t>(value);
    return static_cast<std::int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
}

std::int64_t reader::varlong() noexcept {
    const std::uint64_t raw = base128(10);
    return static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
}

bytes_view reader::take(std::size_t size) noexcept {
    if (error_ || remaining() < size) {
        fail(decode_error::truncated);
        return {};
    }
    const bytes_view out = data_.substr(position_, size);
    position_ += size;
    return out;
}

void reader::skip_tagged_fields() noexcept {
    const std::uint32_t count = uvarint();
    if (count > tagged_fields_max) {
        fail(decode_error::too_many_tags);
        return;
    }
    for (std::uint32_t i = 0; i < count && ok(); ++i) {
        uvarint();
        skip(uvarint());
    }
}

bool reader::expect_elements(std::size_t count, std::size_t size_min) noexcept {
    if (count > remaining() / size_min || count > array_elements_max - elements_) {
        fail(decode_error::bad_count);
        return false;
    }
    elements_ += count;
    return ok();
}

void reader::expect_end() noexcept {
    if (ok() && remaining() != 0)
        fail(decode_error::trailing_bytes);
}

} // namespace outbox::wire
