#pragma once
// Which numbers of one source have been applied: everything up to a low watermark, and what came
// early, in ranges above it. Numbers arrive nearly in order (docs/numbering.md), so it is a few
// bytes for any count of messages. Knows no database; first_time_numbered.hpp keeps it in a row.

#include "outbox/base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace outbox {

class number_set {
public:
    /// So many ranges above the watermark, and no more.
    static constexpr std::size_t ranges_max = 4'096;

    enum class inserted {
        yes,
        /// It was there.
        no,
        /// It cannot be noted, because it touches nothing that is there and would be one range more
        /// than ranges_max: nobody knows anything of it, and it is not there.
        full,
    };

    /// Precondition: `number` is at least 1.
    inserted insert(std::int64_t number);
    bool contains(std::int64_t number) const noexcept;

    /// Every number from 1 up to this is there; 0 when 1 is not.
    std::int64_t watermark() const noexcept { return watermark_; }
    std::size_t range_count() const noexcept { return ranges_.size(); }

    /// Byte 1 (version), then as varints the watermark and for each range: its distance from what
    /// is before it, less the least possible, which is 2; and its length less 1. One set has one
    /// form. Golden bytes in tests/consumer/idempotency/number_set_test.cpp.
    bytes encode() const;
    /// Throws outbox::error (corrupt) for what encode() does not make.
    static number_set decode(bytes_view data);

    bool operator==(const number_set&) const = default;

private:
    /// Both ends included.
    struct range {
        std::int64_t first = 0;
        std::int64_t last = 0;

        bool operator==(const range&) const = default;
    };

    std::int64_t watermark_ = 0;
    std::vector<range> ranges_; // ascending, with at least one number missing between two
};

} // namespace outbox
