#include "broker/log/segmented_log.hpp"

#include "broker/log/batch_scan.hpp"
#include "broker/log/checked_file.hpp"
#include "broker/log/errc.hpp"
#include "broker/log/format.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/base/log.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace outbox::broker {
namespace {

constexpr std::string_view source = "broker.log";

/// Errors that pass when somebody makes room: the partition stays as it was.
bool is_lack_of_space(std::error_code ec) {
    return ec == std::errc::no_space_on_device ||
           ec == std::error_code{EDQUOT, std::generic_category()} ||
           ec == std::errc::too_many_files_open || ec == std::errc::too_many_files_open_in_system;
}

std::string text_of(const topic_partition& name) {
    return name.topic + "-" + std::to_string(name.partition);
}

} // namespace

segmented_log::segmented_log(
    log_surroundings& around,
    topic_partition name,
    std::string directory,
    durable_offsets::slot witness_slot,
    topic_config config,
    recovered_log recovered
)
    : around_(around)
    , name_(std::move(name))
    , directory_(std::move(directory))
    , witness_slot_(witness_slot)
    , config_(std::move(config))
    , log_start_(recovered.log_start)
    , high_watermark_(recovered.log_end)
    , acked_end_(recovered.log_end)
    , durable_end_(recovered.log_end)
    , log_end_(recovered.log_end)
    , epochs_(std::make_shared<const epoch_history>(std::move(recovered.epochs)))
    , producers_(std::move(recovered.producers)) {
    for (auto& part : recovered.segments)
        segments_.emplace(part->base_offset, std::move(part));
    if (!recovered.damage.empty()) {
        health_ = partition_health::quarantined;
        damage_offset_ = recovered.damage_offset;
    }
}

std::string segmented_log::path(std::int64_t base_offset, std::string_view suffix) const {
    return directory_ + "/" + segment_file_name(base_offset, suffix);
}

// Writing
// ------------------------------------------------------------------------------------------------------------

std::error_code segmented_log::refusal() const {
    switch (health_) {
    case partition_health::serving:
        return {};
    case partition_health::read_only:
        return log_errc::read_only;
    case partition_health::quarantined:
        return log_errc::quarantined;
    case partition_health::closed:
        return log_errc::closed;
    }
    return log_errc::closed;
}

append_result segmented_log::append(std::span<char> batch) {
    append_result result;
    const bytes_view view_of_batch{batch.data(), batch.size()};
    if (batch.size() < wire::batch_header_bytes) {
        result.error = log_errc::malformed_batch;
        return result;
    }
    wire::batch_header header = *wire::read_batch_header(view_of_batch);
    header.base_offset = 0;
    if (!is_plausible(header) || header.total_bytes() != batch.size() ||
        header.record_count != std::int64_t{header.last_offset_delta} + 1) {
        result.error = log_errc::malformed_batch;
        return result;
    }

    callbacks done;
    bool add_now = false;
    bool add_later = false;
    bool moved = false;
    std::chrono::milliseconds flush_after{0};
    {
        const std::lock_guard lock{mutex_};
        result.log_start_offset = log_start_;
        result.error = refusal();
        if (!result.error && batch.size() > static_cast<std::uint64_t>(config_.segment_bytes))
            result.error = log_errc::batch_too_large;
        if (!result.error && header.producer_id >= 0) {
            const auto decision = producers_.check(header);
            switch (decision.what) {
            case producer_states::verdict::append:
                break;
            case producer_states::verdict::duplicate:
                result.duplicate = true;
                result.base_offset = decision.base_offset;
                result.last_offset = decision.last_offset;
                result.ticket.offset_end = decision.last_offset + 1;
                return result;
            case producer_states::verdict::out_of_order:
                result.error = log_errc::out_of_order_sequence;
                break;
            case producer_states::verdict::invalid_epoch:
                result.error = log_errc::invalid_producer_epoch;
                break;
            }
        }
        if (result.error)
            return result;

        std::shared_ptr<segment> active = segments_.rbegin()->second;
        const bool is_full =
            active->size + batch.size() > static_cast<std::uint64_t>(config_.segment_bytes);
        // By the records' own time, as Kafka does, so that replayed old data does not get a segment
        // for each batch.
        const bool is_old =
            active->first_timestamp_ms >= 0 &&
            header.max_timestamp - active->first_timestamp_ms > config_.segment_age.count();
        const bool overflows = log_end_ + header.last_offset_delta - active->base_offset >
                               std::numeric_limits<std::int32_t>::max();
        if (active->size > 0 && (is_full || is_old || overflows)) {
            if (const auto ec = roll()) {
                result.error = write_failed(ec, done);
            } else {
                active = segments_.rbegin()->second;
            }
        }
        if (!result.error) {
            header.base_offset = log_end_;
            header.partition_leader_epoch = around_.leader_epoch;
            wire::stamp_batch(batch, header.base_offset, header.partition_leader_epoch);
            std::error_code ec;
            const bytes_view parts[] = {view_of_batch};
            write_all(*active->file, active->size, parts, ec);
            if (ec) {
                // Whatever part of it was written must not stand behind the end.
                std::error_code cut_error;
                active->file->truncate(active->size, cut_error);
                active->zero_filled_to = active->size;
                mark_dirty(active);
                result.error =
                    write_failed(cut_error ? std::make_error_code(std::errc::io_error) : ec, done);
            }
        }
        if (!result.error) {
            active->note(header, config_.index_interval_bytes);
            log_end_ = active->end_offset;
            if (header.producer_id >= 0)
                producers_.note(header);
            mark_dirty(active);
            result.base_offset = header.base_offset;
            result.last_offset = header.last_offset();
            result.ticket.offset_end = log_end_;
            if (config_.is_sync()) {
                fill_ahead(*active, batch.size());
                add_now = !std::exchange(queued_now_, true);
#ifdef OUTBOX_BREAK_HW_IS_LOG_END
                high_watermark_ = log_end_;
#endif
            } else {
                moved = advance(log_end_, done);
                add_later = !queued_now_ && !std::exchange(queued_later_, true);
                flush_after = config_.flush;
            }
        }
    }
    if (!result.error)
        OUTBOX_FAULT("broker.appended");
    if (add_now)
        around_.queue.add(shared_from_this());
    if (add_later)
        around_.queue.add_later(shared_from_this(), around_.time.ticks() + flush_after);
    for (auto& [call, ec] : done)
        call(ec);
    if (moved || !done.empty())
        announce();
    return result;
}

void segmented_log::mark_dirty(const std::shared_ptr<segment>& part) {
    if (std::find(dirty_.begin(), dirty_.end(), part) == dirty_.end())
        dirty_.push_back(part);
}

/// A file whose blocks exist already needs no metadata at fdatasync: a third less time for small
/// appends (FORMAT.md). Best effort; recovery cuts the zeros off.
void segmented_log::fill_ahead(segment& active, std::size_t batch_bytes) {
    static constexpr std::size_t piece_bytes = 64 * 1024;
    static const bytes zeros(piece_bytes, '\0');
    // Large batches are not worth writing twice for, and a small topic must not cost a large file.
    const std::uint64_t ahead =
        std::clamp<std::uint64_t>(active.size, piece_bytes, format::zero_fill_bytes);
    const std::uint64_t target =
        std::min(active.size + ahead, static_cast<std::uint64_t>(config_.segment_bytes));
    if (active.zero_filled_to >= active.size || batch_bytes > piece_bytes ||
        target <= active.size) {
        active.zero_filled_to = std::max(active.zero_filled_to, active.size);
        return;
    }
    std::vector<bytes_view> parts;
    for (std::uint64_t left = target - active.size; left > 0;) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece_bytes));
        parts.push_back(bytes_view{zeros}.substr(0, size));
        left -= size;
    }
    std::error_code ec;
    write_all(*active.file, active.size, parts, ec);
    if (ec)
        active.file->truncate(active.size, ec);
    active.zero_filled_to = ec ? active.size : target;
}

/// Closes the active segment and begins the next at the log end.
std::error_code segmented_log::roll() {
    std::error_code ec;
    const std::shared_ptr<segment> old = segments_.rbegin()->second;
    auto fresh = std::make_shared<segment>();
    fresh->base_offset = log_end_;
    fresh->end_offset = log_end_;
    fresh->file = around_.files.open(path(log_end_, format::log_suffix), open_mode::create, ec);
    if (ec)
        return ec;
    directory_dirty_ = true;
    fresh->file->truncate(0, ec); // an earlier attempt may have left something
    if (!ec && old->zero_filled_to > old->size)
        old->file->truncate(old->size, ec);
    if (ec) {
        std::error_code ignored;
        around_.files.unlink(path(log_end_, format::log_suffix), ignored);
        return ec;
    }
    old->zero_filled_to = old->size;
    old->finish_indexes();
    mark_dirty(old);
    mark_dirty(fresh);
    closed_.push_back(old);
    closed_producers_.push_back(producers_.encode());
    segments_.emplace(fresh->base_offset, std::move(fresh));
    return {};
}

/// What an append answers after `ec`. Anything but a lack of space ends all writing to this
/// partition.
std::error_code segmented_log::write_failed(std::error_code ec, callbacks& done) {
    if (is_lack_of_space(ec))
        return log_errc::no_space;
    log(log_level::error,
        source,
        text_of(name_) + ": " + ec.message() +
            ": the partition is read-only from now on; what was acknowledged is safe as far as it "
            "was on disk; check the disk, then restart the broker");
    health_ = partition_health::read_only;
    for (auto& [end, call] : waiting_)
        done.emplace_back(std::move(call), log_errc::read_only);
    waiting_.clear();
    return log_errc::read_only;
}

/// Fulfils tickets up to `end`. True if the high watermark moved.
bool segmented_log::advance(std::int64_t end, callbacks& done) {
    if (end <= acked_end_ && end <= high_watermark_)
        return false;
    acked_end_ = std::max(acked_end_, end);
    high_watermark_ = std::max(high_watermark_, end);
    const auto first_waiting = waiting_.upper_bound(acked_end_);
    for (auto fulfilled = waiting_.begin(); fulfilled != first_waiting; ++fulfilled)
        done.emplace_back(std::move(fulfilled->second), std::error_code{});
    waiting_.erase(waiting_.begin(), first_waiting);
    return true;
}

void segmented_log::when_durable(append_ticket ticket, durable_callback done) {
    std::error_code answer;
    {
        const std::lock_guard lock{mutex_};
        if (health_ == partition_health::closed) {
            answer = log_errc::closed;
        } else if (acked_end_ < ticket.offset_end) {
            if (health_ == partition_health::serving) {
                waiting_.emplace(ticket.offset_end, std::move(done));
                return;
            }
            answer = refusal();
        }
    }
    done(answer);
}

// Flushing
// -----------------------------------------------------------------------------------------------------------

void segmented_log::start_flush() noexcept {
    std::vector<std::shared_ptr<segment>> dirty;
    {
        const std::lock_guard lock{mutex_};
        dirty = dirty_;
    }
    for (const auto& part : dirty)
        part->file->start_sync();
}

void segmented_log::flush() {
    std::vector<std::shared_ptr<segment>> dirty;
    std::vector<std::shared_ptr<segment>> closed;
    std::vector<bytes> closed_producers;
    bool directory_dirty = false;
    std::int64_t end = 0;
    callbacks done;
    bool moved = false;
    {
        const std::lock_guard lock{mutex_};
        queued_now_ = queued_later_ = false;
        if (health_ != partition_health::serving)
            return;
        dirty.swap(dirty_);
        directory_dirty = std::exchange(directory_dirty_, false);
        closed.swap(closed_);
        closed_producers.swap(closed_producers_);
        end = log_end_;
#ifdef OUTBOX_BREAK_ACK_BEFORE_FSYNC
        moved = advance(end, done);
#endif
    }
#ifdef OUTBOX_BREAK_ACK_BEFORE_FSYNC
    for (auto& [call, error] : done)
        call(error);
    done.clear();
#endif
    std::error_code ec;
    for (const auto& part : dirty) {
        part->file->sync_data(ec);
        if (ec)
            break;
    }
    if (!ec && directory_dirty)
        around_.files.sync_directory(directory_, ec);
    OUTBOX_FAULT("broker.synced");
    {
        const std::lock_guard lock{mutex_};
        if (health_ == partition_health::closed)
            return;
        if (ec) {
            // Never again: a second fsync may succeed without having written anything.
            health_ = partition_health::read_only;
            (void)write_failed(
                is_lack_of_space(ec) ? std::make_error_code(std::errc::io_error) : ec,
                done
            );
        } else if (health_ == partition_health::serving) {
            if (end > durable_end_) {
                durable_end_ = end;
                store_witness();
            }
            moved = advance(end, done) || moved;
        }
    }
    for (auto& [call, error] : done)
        call(error);
    OUTBOX_FAULT("broker.acked");
    if (moved || ec)
        announce();
    if (!ec)
        write_closed(std::move(closed), std::move(closed_producers));
}

void segmented_log::store_witness() {
    std::error_code ec;
    around_.witness.store(witness_slot_, {durable_end_, log_start_}, ec);
    if (ec)
        log(log_level::error,
            source,
            text_of(name_) + ": the durable offset could not be noted: " + ec.message() +
                "; acknowledged data is safe, but damage to it may be taken for a torn tail");
}

void segmented_log::announce() {
    if (around_.on_progress)
        around_.on_progress(shared_from_this());
}

/// Index files and producer snapshots of closed segments: after the acknowledgements, nobody waits
/// for them.
void segmented_log::write_closed(
    std::vector<std::shared_ptr<segment>> parts,
    std::vector<bytes> producers
) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        {
            const std::lock_guard lock{mutex_};
            if (health_ == partition_health::quarantined ||
                !segments_.contains(parts[i]->base_offset))
                continue; // deleted meanwhile
        }
        std::error_code ec;
        write_indexes(around_.files, directory_, *parts[i], ec);
        if (ec)
            continue; // they stay in memory; after a restart they are rebuilt
        {
            const std::lock_guard lock{mutex_};
            parts[i]->indexes_in_memory = false;
            parts[i]->offset_index = {};
            parts[i]->time_index = {};
        }
        (void)write_checked_file(
            around_.files,
            directory_,
            segment_file_name(parts[i]->end_offset, format::producers_suffix),
            format::producers_magic,
            format::data_version,
            producers[i],
            ec
        );
        // The newest snapshot is the one that a start needs; the one before it is there in case it
        // is damaged.
        const auto names = around_.files.list(directory_, ec);
        std::vector<std::int64_t> snapshots;
        for (const std::string& name : names) {
            if (const auto offset = parse_segment_file_name(name, format::producers_suffix))
                snapshots.push_back(*offset);
        }
        std::sort(snapshots.rbegin(), snapshots.rend());
        for (std::size_t k = 2; k < snapshots.size(); ++k)
            around_.files.unlink(path(snapshots[k], format::producers_suffix), ec);
    }
}

void segmented_log::write_clean_end(std::error_code& ec) {
    std::vector<std::shared_ptr<segment>> closed;
    std::vector<bytes> closed_producers;
    std::shared_ptr<segment> active;
    bytes producers;
    std::int64_t end = 0;
    {
        const std::lock_guard lock{mutex_};
        ec = refusal();
        if (!ec && durable_end_ != log_end_)
            ec = log_errc::read_only;
        if (ec)
            return;
        closed.swap(closed_);
        closed_producers.swap(closed_producers_);
        active = segments_.rbegin()->second;
        active->finish_indexes();
        producers = producers_.encode();
        end = log_end_;
        health_ = partition_health::closed;
    }
    write_closed(std::move(closed), std::move(closed_producers));
    active->file->truncate(active->size, ec);
    if (!ec)
        active->file->sync_data(ec);
    if (!ec)
        write_indexes(around_.files, directory_, *active, ec);
    if (!ec)
        (void)write_checked_file(
            around_.files,
            directory_,
            segment_file_name(end, format::producers_suffix),
            format::producers_magic,
            format::data_version,
            producers,
            ec
        );
}

void segmented_log::close() {
    std::multimap<std::int64_t, durable_callback> waiting;
    {
        const std::lock_guard lock{mutex_};
        health_ = partition_health::closed;
        waiting.swap(waiting_);
        dirty_.clear();
        closed_.clear();
        closed_producers_.clear();
        hints_ = {};
    }
    for (auto& [end, call] : waiting)
        call(log_errc::closed);
    announce();
}

void segmented_log::set_config(const topic_config& config) {
    bool add_now = false;
    {
        const std::lock_guard lock{mutex_};
        config_ = config;
        add_now = health_ == partition_health::serving && config_.is_sync() && !dirty_.empty() &&
                  !std::exchange(queued_now_, true);
    }
    if (add_now)
        around_.queue.add(shared_from_this());
}

// Reading
// ------------------------------------------------------------------------------------------------------------

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

std::int64_t segmented_log::durable_end() const {
    const std::lock_guard lock{mutex_};
    return durable_end_;
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

read_result segmented_log::read(std::int64_t offset, std::size_t size_max) const {
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
    result.error = collect_or_report(offset, size_max, seen, result.batches);
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
    bool first = true;
    const auto located = scan_batches(
        *start.part->file,
        start.position,
        start.limit,
        start.base_offset,
        checksums::skip,
        [&](const wire::batch_header& batch, std::uint64_t) {
            if (std::exchange(first, false) && start.base_offset < 0 &&
                batch.last_offset() != start.last_offset)
                return visit::refuse;
            if (!epoch_is_right(batch))
                return visit::refuse;
            if (batch.last_offset() < offset)
                return visit::go_on;
            found_base = batch.base_offset;
            return visit::stop;
        }
    );
    if (located.why == scan_end::disk_error)
        return located.error;
    if (located.why != scan_end::stopped || found_base > offset)
        return log_errc::corrupt_data;

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
    const view& seen,
    bytes& out
) const {
    auto ec = collect(offset, size_max, seen, guided_by::indexes, out);
    if (ec == log_errc::corrupt_data) // perhaps only an index is wrong
        ec = collect(offset, size_max, seen, guided_by::nothing, out);
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
        source,
        text_of(name_) + ": offset " + std::to_string(offset) + ": " + what +
            ": the partition is quarantined: it is read up to there and takes no more data; "
            "restore its "
            "directory from a copy, or stop the broker, create the file " +
            directory_ + "/" + std::string{format::accept_loss_file} +
            " and start again to lose what follows");
}

batch_result segmented_log::batch_at(std::int64_t offset, const view& seen) const {
    batch_result result;
    result.error = collect_or_report(offset, 1, seen, result.batch);
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

batch_result segmented_log::find_max_timestamp() const {
    const view seen = look();
    if (seen.error)
        return {.error = seen.error};
    std::int64_t largest = -1;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& [base, part] : segments_) {
            if (base < seen.readable_end && part->max_timestamp_offset < seen.readable_end &&
                part->max_timestamp_offset >= seen.log_start)
                largest = std::max(largest, part->max_timestamp_ms);
        }
    }
    // The newest batches may not be readable yet, or the oldest deleted: then the largest of the
    // rest has to be looked up.
    batch_result best;
    for (std::int64_t next = largest; next >= 0;) {
        batch_result found = find_timestamp(next);
        if (found.error || found.batch.empty())
            break;
        best = std::move(found);
        next = best.max_timestamp_ms + 1;
    }
    if (largest < 0) {
        for (std::int64_t next = 0;;) {
            batch_result found = find_timestamp(next);
            if (found.error || found.batch.empty())
                break;
            best = std::move(found);
            next = best.max_timestamp_ms + 1;
        }
    }
    return best;
}

epoch_end segmented_log::end_offset_for_epoch(std::int32_t leader_epoch) const {
    const std::lock_guard lock{mutex_};
    return epochs_->end_of(leader_epoch, high_watermark_);
}

// Deleting
// -----------------------------------------------------------------------------------------------------------

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
        log_start_ = std::max(log_start_, new_start);
        store_witness();
    }
    std::error_code ec;
    around_.witness.sync(ec);
    if (!ec)
        delete_segments_below(new_start);
}

} // namespace outbox::broker
