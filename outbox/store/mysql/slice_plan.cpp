#include "outbox/store/mysql/slice_plan.hpp"

namespace outbox::mysql {

slice_plan plan_slice(
    const open_holes& holes,
    std::int64_t seq,
    std::span<const seen_row> rows,
    const slice_limits& limits,
    std::size_t open_holes_max
) {
    slice_plan plan{.taken = 0, .seq = seq, .holes = holes};
    std::size_t bytes = 0;
    for (const seen_row& row : rows) {
        bytes += row.bytes;
        if (plan.taken == limits.message_count_max || (plan.taken > 0 && bytes > limits.bytes_max))
            break;
        const bool is_full = plan.holes.size() >= open_holes_max;
        if (row.seq <= plan.seq) {
            if (is_full && plan.holes.is_inside(row.seq))
                break;
            plan.holes.close(row.seq);
        } else {
            if (row.seq > plan.seq + 1) {
                if (is_full)
                    break;
                plan.holes.append({plan.seq + 1, row.seq - 1});
            }
            plan.seq = row.seq;
        }
        ++plan.taken;
    }
    return plan;
}

} // namespace outbox::mysql
