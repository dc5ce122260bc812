#pragma once
// Where the rows of one big window are, in the order of seq: 16 bytes for each, so that a window of
// a million rows is sorted once, here, and not by the database again for every slice.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace outbox::postgresql {

struct row_place {
    std::int64_t seq = 0;
    /// Of the row's ctid in its partition.
    std::uint32_t block = 0;
    std::uint16_t offset = 0;
    /// Bytes of payload, headers and key, rounded up by less than a thousandth; see pack_size().
    std::uint16_t packed_size = 0;
};

/// 5 bits of exponent, 11 of mantissa.
std::uint16_t pack_size(std::uint64_t bytes) noexcept;
std::uint64_t unpack_size(std::uint16_t packed) noexcept;

class row_list {
public:
    /// Keeps the `rows_max` rows of the lowest seq of all that are added.
    explicit row_list(std::size_t rows_max) : rows_max_(rows_max) {}

    void add(const row_place& place);
    /// After the last add().
    void sort();

    /// After sort(): the place of the first row whose seq is above `seq`.
    std::size_t first_after(std::int64_t seq) const noexcept;
    std::size_t size() const noexcept { return places_.size(); }
    const row_place& operator[](std::size_t index) const noexcept { return places_[index]; }
    /// No row up to this seq is missing. Rows above it may have been left out.
    std::int64_t complete_to() const noexcept { return complete_to_; }
    bool complete() const noexcept {
        return complete_to_ == std::numeric_limits<std::int64_t>::max();
    }

private:
    void shrink();

    std::size_t rows_max_;
    std::int64_t complete_to_ = std::numeric_limits<std::int64_t>::max();
    std::vector<row_place> places_;
};

} // namespace outbox::postgresql
