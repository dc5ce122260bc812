#pragma once
// How much of what was read goes into one slice, and which numbers are left open behind it.

#include "outbox/store/mysql/open_holes.hpp"
#include "outbox/store/relay_store.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace outbox::mysql {

struct seen_row {
    std::int64_t seq = 0;
    /// Of payload, headers and key.
    std::size_t bytes = 0;
};

struct slice_plan {
    /// So many of the rows, from the lowest on.
    std::size_t taken = 0;
    /// Where to read on.
    std::int64_t seq = 0;
    open_holes holes{};
};

/// `rows` are in ascending order, each in a hole of `holes` or above `seq`. Takes rows until a
/// limit is reached; at least one, unless that would leave more than `open_holes_max` holes: those
/// must close first, because to forget one may be to lose a message.
slice_plan plan_slice(
    const open_holes& holes,
    std::int64_t seq,
    std::span<const seen_row> rows,
    const slice_limits& limits,
    std::size_t open_holes_max
);

} // namespace outbox::mysql
