// What readers see of a partition: batches up to the high watermark, and never beyond damage.

#include "broker/log/batch_scan.hpp"
#include "broker/log/errc.hpp"
#include "broker/log/format.hpp"
#include "broker/log/segmented_log.hpp"
#include "outbox/base/log.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace outbox::broker {

log_offsets segmented_log::offsets() const {
    const std::lock_guard lock{mutex_};
    return {log_start_, high_watermark_, log_end_};
}

partition_health segmented_log::health() const {
    const std::lock_guard lock{mutex_};
    return health_;
}

std::int64_t segmented_log::size_bytes() const {
    const std::lock_guard lock{mutex_};
    std::uint64_t sum = 0;
    for (const auto& [base, part] : segments_)
        sum += part->size;
    return static_cast<std::int64_t>(sum);
}

std::vector<epoch_start> segmented_log::epochs() const {
    const std::lock_guard lock{mutex_};
    return epochs_->entries();
}

segmented_log::view segmented_log::look() const {
    const std::lock_guard lock{mutex_};
    view seen;
    if (health_ == partition_health::closed)
        seen.error = log_errc::closed;
    seen.log_start = log_start_;
    seen.high_watermark = high_watermark_;
    seen.log_end = log_end_;
    seen.damaged = damage_offset_ >= 0 && damage_offset_ < high_watermark_;
    seen.readable_end = seen.damaged ? damage_offset_ : high_watermark_;
    // Damage right at the end: unknown what was acknowledged there, so nothing is pretended.
    seen.damaged = seen.damaged || damage_offset_ >= 0;
    seen.epochs = epochs_;
    return seen;
}

read_result
segmented_log::read(std::int64_t offset, std::size_t size_max, first_batch first) const {
    const view seen = look();
    read_result result;
    result.error = seen.error;
    result.log_start_offset = seen.log_start;
    result.high_watermark = seen.high_watermark;
    if (result.error)
        return result;
    if (offset < seen.log_start || offset > seen.log_end) {
        result.error = log_errc::offset_out_of_range;
        return result;
    }
    if (offset >= seen.readable_end) {
        if (seen.damaged)
            result.error = log_errc::corrupt_data;
        return result;
    }
    result.error = collect_or_report(offset, size_max, first, seen, result.batches);
    return result;
}

segmented_log::start_point segmented_log::find_start(std::int64_t offset, guided_by guide) const {
    start_point start;
    {
        const std::lock_guard lock{mutex_};
        auto after = segments_.upper_bound(offset);
        if (after == segments_.begin())
            return start;
        start.part = std::prev(after)->second;
        start.limit = start.part->size;
        start.base_offset = start.part->base_offset;
        if (guide == guided_by::nothing)
            return start;
        for (hint& known : hints_) {
            if (known.offset == offset && known.part == start.part) {
                start.position = known.position;
                start.base_offset = offset;
                return start;
            }
        }
        if (start.part->indexes_in_memory) {
            if (const auto* entry = find_offset(start.part->offset_index, offset)) {
                start.position = entry->position;
                start.base_offset = -1;
                start.last_offset = entry->last_offset;
            }
            return start;
        }
    }
    if (const auto indexes = read_indexes(around_.files, directory_, start.part->base_offset)) {
        if (const auto* entry = find_offset(indexes->offsets, offset)) {
            start.position = entry->position;
            start.base_offset = -1;
            start.last_offset = entry->last_offset;
        }
    }
    return start;
}

std::error_code segmented_log::collect(
    std::int64_t offset,
    std::size_t size_max,
    first_batch first,
    const view& seen,
    guided_by guide,
    bytes& out
) const {
    const start_point start = find_start(offset, guide);
    if (!start.part)
        return log_errc::offset_out_of_range;
    const auto epoch_is_right = [&](const wire::batch_header& batch) {
        return seen.epochs->epoch_of(batch.base_offset) == batch.partition_leader_epoch;
    };

    // Heads only, up to the batch that holds the offset.
    std::int64_t found_base = -1;
    std::uint64_t found_bytes = 0;
    bool is_first = true;
    const auto located = scan_batches(
        *start.part->file,
        start.position,
        start.limit,
        start.base_offset,
        checksums::skip,
        [&](const wire::batch_header& batch, std::uint64_t) {
            if (std::exchange(is_first, false) && start.base_offset < 0 &&
                batch.last_offset() != start.last_offset)
                return visit::refuse;
            if (!epoch_is_right(batch))
                return visit::refuse;
            if (batch.last_offset() < offset)
                return visit::go_on;
            found_base = batch.base_offset;
            found_bytes = batch.total_bytes();
            return visit::stop;
        }
    );
    if (located.why == scan_end::disk_error)
        return located.error;
    if (located.why != scan_end::stopped || found_base > offset)
        return log_errc::corrupt_data;

    if (first == first_batch::if_it_fits && found_bytes > size_max) {
        remember(found_base, start.part, located.position);
        return {};
    }

    // Then as many whole batches as fit, each verified.
    std::uint64_t position = located.position;
    std::int64_t expected = found_base;
    bytes data;
    std::error_code ec;
    data.resize(static_cast<std::size_t>(std::min<std::uint64_t>(
        std::max(size_max, wire::batch_header_bytes),
        start.limit - position
    )));
    data.resize(start.part->file->read_at(position, data.data(), data.size(), ec));
    if (ec)
        return ec;
    std::size_t taken = 0;
    while (expected < seen.readable_end && data.size() - taken >= wire::batch_header_bytes) {
        const wire::batch_header batch = *wire::read_batch_header(bytes_view{data}.substr(taken));
        const bool follows = is_plausible(batch) && batch.base_offset == expected &&
                             batch.total_bytes() <= start.limit - position && epoch_is_right(batch);
        if (follows && batch.total_bytes() > data.size() - taken) {
            if (taken > 0)
                break;
            data.resize(static_cast<std::size_t>(batch.total_bytes()));
            data.resize(start.part->file->read_at(position, data.data(), data.size(), ec));
            if (ec)
                return ec;
            if (data.size() < batch.total_bytes())
                return log_errc::corrupt_data;
        }
        const auto size = static_cast<std::size_t>(follows ? batch.total_bytes() : 0);
        if (!follows || wire::batch_crc(bytes_view{data}.substr(taken, size)) != batch.crc) {
            if (taken > 0)
                break; // what is good is served; the next read meets the rest
            return log_errc::corrupt_data;
        }
        if (next_offset(batch) > seen.readable_end)
            break;
        taken += size;
        position += size;
        expected = next_offset(batch);
        if (taken >= size_max)
            break;
    }
    data.resize(taken);
    out = std::move(data);
    remember(expected, start.part, position);
    return {};
}

std::error_code segmented_log::collect_or_report(
    std::int64_t offset,
    std::size_t size_max,
    first_batch first,
    const view& seen,
    bytes& out
) const {
    auto ec = collect(offset, size_max, first, seen, guided_by::indexes, out);
    if (ec == log_errc::corrupt_data) // perhaps only an index is wrong
        ec = collect(offset, size_max, first, seen, guided_by::nothing, out);
    if (ec == log_errc::corrupt_data)
        report_damage(offset, "a batch read back is not the one that was written");
    return ec;
}

void segmented_log::remember(
    std::int64_t offset,
    std::shared_ptr<segment> part,
    std::uint64_t position
) const {
    const std::lock_guard lock{mutex_};
    for (hint& known : hints_) {
        if (known.offset == offset && known.part == part)
            return;
    }
    hints_[next_hint_++ % hints_.size()] = {offset, std::move(part), position};
}

void segmented_log::report_damage(std::int64_t offset, const std::string& what) const {
    {
        const std::lock_guard lock{mutex_};
        if (health_ == partition_health::closed)
            return;
        if (damage_offset_ >= 0 && damage_offset_ <= offset)
            return;
        damage_offset_ = offset;
        health_ = partition_health::quarantined;
    }
    log(log_level::error,
        "broker.log",
        to_string(name_) + ": offset " + std::to_string(offset) + ": " + what +
            ": the partition is quarantined: it is read up to there and takes no more data; "
            "restore its "
            "directory from a copy, or stop the broker, create the file " +
            directory_ + "/" + std::string{format::accept_loss_file} +
            " and start again to lose what follows");
    announce();
}

batch_result segmented_log::batch_at(std::int64_t offset, const view& seen) const {
    batch_result result;
    result.error = collect_or_report(offset, 1, first_batch::always, seen, result.batch);
    if (!result.error && !result.batch.empty()) {
        const wire::batch_header batch = *wire::read_batch_header(result.batch);
        result.base_offset = batch.base_offset;
        result.max_timestamp_ms = batch.max_timestamp;
        result.leader_epoch = batch.partition_leader_epoch;
    }
    return result;
}

batch_result segmented_log::find_timestamp(std::int64_t timestamp_ms) const {
    const view seen = look();
    if (seen.error)
        return {.error = seen.error};
    std::vector<std::shared_ptr<segment>> candidates;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& [base, part] : segments_) {
            if (part->max_timestamp_ms >= timestamp_ms && base < seen.readable_end)
                candidates.push_back(part);
        }
    }
    for (const auto& part : candidates) {
        std::int64_t from = std::max(part->base_offset, seen.log_start);
        const auto begin_at = [&](const std::vector<time_index_entry>& times) {
            if (const auto* entry = find_time(times, timestamp_ms))
                from = std::max(from, entry->offset);
        };
        bool on_disk = false;
        {
            const std::lock_guard lock{mutex_};
            on_disk = !part->indexes_in_memory;
            if (!on_disk)
                begin_at(part->time_index);
        }
        if (on_disk) {
            if (const auto indexes = read_indexes(around_.files, directory_, part->base_offset))
                begin_at(indexes->times);
        }
        for (const auto guide : {guided_by::indexes, guided_by::nothing}) {
            const start_point start = find_start(from, guide);
            if (!start.part)
                break;
            std::int64_t found = -1;
            const auto result = scan_batches(
                *start.part->file,
                start.position,
                start.limit,
                start.base_offset,
                checksums::skip,
                [&](const wire::batch_header& batch, std::uint64_t) {
                    if (batch.base_offset >= seen.readable_end)
                        return visit::stop;
                    if (batch.last_offset() < seen.log_start || batch.max_timestamp < timestamp_ms)
                        return visit::go_on;
                    found = batch.last_offset();
                    return visit::stop;
                }
            );
            if (result.why == scan_end::disk_error)
                return {.error = result.error};
            if (found >= 0)
                return batch_at(found, seen);
            if (result.why == scan_end::bad_frame && guide == guided_by::indexes)
                continue;
            if (result.why == scan_end::bad_frame) {
                report_damage(result.next_offset, result.reason);
                return {.error = log_errc::corrupt_data};
            }
            break;
        }
    }
    return {};
}

void segmented_log::newest::consider(std::int64_t a_timestamp_ms, std::int64_t an_offset) {
    if (a_timestamp_ms > timestamp_ms || (a_timestamp_ms == timestamp_ms && an_offset < offset)) {
        timestamp_ms = a_timestamp_ms;
        offset = an_offset;
    }
}

/// What the indexes in memory know of the readable part of a segment, and from where on it has to
/// be looked through.
segmented_log::start_point segmented_log::newest_known(
    const std::shared_ptr<segment>& part,
    const view& seen,
    guided_by guide,
    newest& best
) const {
    const std::lock_guard lock{mutex_};
    start_point start{.part = part, .limit = part->size, .base_offset = part->base_offset};
    if (guide == guided_by::nothing || !part->indexes_in_memory ||
        part->base_offset < seen.log_start)
        return start;
    const auto* entry = find_offset(part->offset_index, seen.readable_end - 1);
    if (entry == nullptr)
        return start;
    start.position = entry->position;
    start.base_offset = -1;
    start.last_offset = entry->last_offset;
    const auto later = std::ranges::upper_bound(
        part->time_index,
        entry->last_offset,
        {},
        &time_index_entry::offset
    );
    if (later != part->time_index.begin())
        best.consider(std::prev(later)->timestamp_ms, std::prev(later)->offset);
    return start;
}

/// Adds what can be read of a segment whose largest timestamp cannot: one pass over heads, for the
/// segment that is being written from its last index entry on.
std::error_code
segmented_log::find_newest(const std::shared_ptr<segment>& part, const view& seen, newest& best)
    const {
    for (const auto guide : {guided_by::indexes, guided_by::nothing}) {
        newest found = best;
        const start_point start = newest_known(part, seen, guide, found);
        const auto result = scan_batches(
            *part->file,
            start.position,
            start.limit,
            start.base_offset,
            checksums::skip,
            [&](const wire::batch_header& batch, std::uint64_t) {
                if (next_offset(batch) > seen.readable_end)
                    return visit::stop;
                if (batch.last_offset() >= seen.log_start)
                    found.consider(batch.max_timestamp, batch.last_offset());
                return visit::go_on;
            }
        );
        if (result.why == scan_end::disk_error)
            return result.error;
        if (result.why != scan_end::bad_frame || result.next_offset >= seen.readable_end) {
            best = found;
            return {};
        }
        if (guide == guided_by::nothing)
            report_damage(result.next_offset, result.reason);
    }
    return log_errc::corrupt_data;
}

batch_result segmented_log::find_max_timestamp() const {
    const view seen = look();
    if (seen.error)
        return {.error = seen.error};
    newest best;
    std::vector<std::pair<std::int64_t, std::shared_ptr<segment>>> partly;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& [base, part] : segments_) {
            if (base >= seen.readable_end)
                break;
            if (part->max_timestamp_offset < seen.readable_end &&
                part->max_timestamp_offset >= seen.log_start)
                best.consider(part->max_timestamp_ms, part->max_timestamp_offset);
            else
                partly.emplace_back(part->max_timestamp_ms, part);
        }
    }
    // The newest batches may not be readable yet, or the oldest deleted: then the rest of their
    // segment is looked through.
    for (const auto& [most_ms, part] : partly) {
        if (most_ms < 0 || most_ms < best.timestamp_ms)
            continue;
        if (const auto ec = find_newest(part, seen, best))
            return {.error = ec};
    }
    return best.offset < 0 ? batch_result{} : batch_at(best.offset, seen);
}

} // namespace outbox::broker
