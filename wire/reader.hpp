#pragma once
// A cursor over received bytes with a sticky error: read twenty fields in twenty straight lines and
// ask once at the end. After the first failure every read returns zero or nothing, the position
// stays where the failure was, and error() says what it was. It looks at the bytes and does not own
// them; what it returns as a view lives as long as they do.

#include "outbox/base/bytes.hpp"
#include "wire/decode_error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace outbox::wire {

class reader {
public:
    explicit reader(bytes_view data) noexcept : data_(data) {}

    std::int8_t int8() noexcept { return static_cast<std::int8_t>(fixed<1>()); }
    std::int16_t int16() noexcept { return static_cast<std::int16_t>(fixed<2>()); }
    std::int32_t int32() noexcept { return static_cast<std::int32_t>(fixed<4>()); }
    std::int64_t int64() noexcept { return static_cast<std::int64_t>(fixed<8>()); }
    std::uint32_t uint32() noexcept { return static_cast<std::uint32_t>(fixed<4>()); }

    /// Unsigned base-128 number of at most five bytes: lengths and tags of flexible versions.
    std::uint32_t uvarint() noexcept;
    /// Zigzag base-128 numbers: fields of a record.
    std::int32_t varint() noexcept;
    std::int64_t varlong() noexcept;

    /// The next `size` bytes.
    bytes_view take(std::size_t size) noexcept;
    void skip(std::size_t size) noexcept { take(size); }

    /// The tagged fields at the end of a structure, none of which the caller knows.
    void skip_tagged_fields() noexcept;

    /// Announces `count` elements of at least `size_min` bytes each. A count that the remaining
    /// bytes cannot hold, or that brings the message above array_elements_max, is a failure;
    /// otherwise memory for them may be taken.
    bool expect_elements(std::size_t count, std::size_t size_min) noexcept;

    /// To be called at the end of a message: bytes left over are a failure.
    void expect_end() noexcept;

    bool ok() const noexcept { return !error_; }
    std::error_code error() const noexcept { return error_; }
    /// Which field of the message the failure was in, such as "topics.partitions.index"; null where
    /// it is not known.
    const char* field() const noexcept { return field_; }
    std::size_t position() const noexcept { return position_; }
    std::size_t remaining() const noexcept { return data_.size() - position_; }

    /// The first failure wins.
    void fail(decode_error why) noexcept;
    /// Names the field that is read next, for field(). `name` must outlive the reader.
    void enter(const char* name) noexcept {
        if (!error_)
            field_ = name;
    }

private:
    template <std::size_t Size>
    std::uint64_t fixed() noexcept {
        if (error_ || remaining() < Size) {
            fail(decode_error::truncated);
            return 0;
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < Size; ++i)
            value = value << 8 | static_cast<unsigned char>(data_[position_ + i]);
        position_ += Size;
        return value;
    }

    std::uint64_t base128(std::size_t bytes_max) noexcept;

    bytes_view data_;
    std::size_t position_ = 0;
    std::size_t elements_ = 0;
    std::error_code error_;
    const char* field_ = nullptr;
};

} // namespace outbox::wire
