// What goes: records that somebody deletes, and segments that the topic's retention no longer
// covers.

#include "broker/log/batch_scan.hpp"
#include "broker/log/errc.hpp"
#include "broker/log/format.hpp"
#include "broker/log/segmented_log.hpp"
#include "outbox/base/log.hpp"

#include <algorithm>
#include <utility>

namespace outbox::broker {

std::error_code segmented_log::delete_records(std::int64_t offset, std::int64_t& log_start) {
    {
        const std::lock_guard lock{mutex_};
        log_start = log_start_;
        if (health_ == partition_health::closed)
            return log_errc::closed;
        if (offset < 0)
            offset = high_watermark_;
        if (offset > high_watermark_)
            return log_errc::offset_out_of_range;
        if (offset > durable_end_) // async: what is not on disk yet cannot be durably deleted
            offset = durable_end_;
        if (offset <= log_start_)
            return {};
        log_start_ = log_start = offset;
        store_witness();
    }
    std::error_code ec;
    around_.witness.sync(ec);
    if (!ec)
        delete_segments_below(log_start);
    return ec;
}

/// Only after the log start is durable: a missing first segment is otherwise taken for damage.
void segmented_log::delete_segments_below(std::int64_t log_start) {
    std::vector<std::int64_t> bases;
    const std::lock_guard named{naming_};
    if (let_go_)
        return;
    {
        const std::lock_guard lock{mutex_};
        while (segments_.size() > 1 && std::next(segments_.begin())->first <= log_start) {
            bases.push_back(segments_.begin()->first);
            segments_.erase(segments_.begin());
        }
        hints_ = {};
        auto trimmed = std::make_shared<epoch_history>(*epochs_);
        // Not by the log start: the batches before it in the same segment are still walked over.
        if (!segments_.empty())
            trimmed->trim(segments_.begin()->first);
        epochs_ = std::move(trimmed);
    }
    std::error_code ignored;
    for (const std::int64_t base : bases) {
        for (const auto suffix :
             {format::log_suffix, format::offset_index_suffix, format::time_index_suffix})
            around_.files.unlink(path(base, suffix), ignored);
    }
}

void segmented_log::enforce_retention() {
    const auto now_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(around_.time.now().time_since_epoch())
            .count();
    std::int64_t new_start = -1;
    while (true) {
        std::shared_ptr<segment> oldest;
        std::shared_ptr<segment> next;
        std::int64_t retention_ms = -1;
        {
            const std::lock_guard lock{mutex_};
            if (health_ != partition_health::serving)
                return;
            retention_ms = config_.retention.count();
            std::uint64_t sum = 0;
            for (const auto& [base, part] : segments_) {
                if (base < new_start)
                    continue;
                sum += part->size;
                if (!oldest)
                    oldest = part;
                else if (!next)
                    next = part;
            }
            if (!oldest || oldest->size == 0)
                break;
            const bool is_over_size =
                config_.retention_bytes >= 0 && next &&
                sum - oldest->size >= static_cast<std::uint64_t>(config_.retention_bytes);
            const bool is_over_time = retention_ms >= 0 && oldest->max_timestamp_ms >= 0 &&
                                      now_ms - oldest->max_timestamp_ms > retention_ms;
            if (!is_over_size && !is_over_time)
                break;
            if (!next) {
                // All of it is too old: begin a new segment so that this one can go.
                if (durable_end_ != log_end_ || roll())
                    break;
                next = segments_.rbegin()->second;
                if (!std::exchange(queued_now_, true))
                    around_.queue.add(shared_from_this());
            }
            if (next->base_offset > durable_end_)
                break;
            if (is_over_size)
                retention_ms = -2;
        }
        if (retention_ms >= 0) {
            // The time index is only a cache: before data goes, the batches themselves are asked.
            std::int64_t largest = -1;
            const auto result = scan_batches(
                *oldest->file,
                0,
                oldest->size,
                oldest->base_offset,
                checksums::skip,
                [&](const wire::batch_header& batch, std::uint64_t) {
                    largest = std::max(largest, batch.max_timestamp);
                    return visit::go_on;
                }
            );
            if (result.why != scan_end::at_limit || now_ms - largest <= retention_ms)
                break;
        }
        new_start = next->base_offset;
    }
    if (new_start < 0)
        return;
    {
        const std::lock_guard lock{mutex_};
        // Meanwhile its topic may have been deleted: then the slot is another's.
        if (health_ != partition_health::serving)
            return;
        log_start_ = std::max(log_start_, new_start);
        store_witness();
    }
    std::error_code ec;
    around_.witness.sync(ec);
    if (!ec)
        delete_segments_below(new_start);
}

} // namespace outbox::broker
