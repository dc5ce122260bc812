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
bool passes(std::error_code ec) {
    return is_lack_of_space(ec) || ec == std::errc::too_many_files_open ||
           ec == std::errc::too_many_files_open_in_system;
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
            header.max_timestamp > active->first_timestamp_ms && // or the difference overflows
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
    if (passes(ec))
        return log_errc::no_space;
    log(log_level::error,
        source,
        to_string(name_) + ": " + ec.message() +
            ": the partition is read-only from now on; what was acknowledged is safe as far as it "
            "was on disk; check the disk, then restart the broker");
    health_ = partition_health::read_only;
    refuse_waiting(log_errc::read_only, done);
    return log_errc::read_only;
}

void segmented_log::refuse_waiting(std::error_code why, callbacks& done) {
    for (auto& [end, call] : waiting_)
        done.emplace_back(std::move(call), why);
    waiting_.clear();
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
    bool is_serving = true;
    {
        const std::lock_guard lock{mutex_};
        queued_now_ = queued_later_ = false;
        if (const auto why = refusal()) {
            // Readers find damage at any time; those who wait hear of it here.
            is_serving = false;
            refuse_waiting(why, done);
        } else {
            dirty.swap(dirty_);
            directory_dirty = std::exchange(directory_dirty_, false);
            closed.swap(closed_);
            closed_producers.swap(closed_producers_);
            end = log_end_;
#ifdef OUTBOX_BREAK_ACK_BEFORE_FSYNC
            moved = advance(end, done);
#endif
        }
    }
    if (!is_serving) {
        for (auto& [call, error] : done)
            call(error);
        return;
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
            (void)write_failed(passes(ec) ? std::make_error_code(std::errc::io_error) : ec, done);
        } else if (health_ == partition_health::serving) {
            if (end > durable_end_) {
                durable_end_ = end;
                store_witness();
            }
            moved = advance(end, done) || moved;
        } else {
            refuse_waiting(refusal(), done);
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
            to_string(name_) + ": the durable offset could not be noted: " + ec.message() +
                "; acknowledged data is safe, but damage to it may be taken for a torn tail");
}

void segmented_log::announce() const {
    if (around_.on_progress) // whoever listens may append; readers find damage and say so, too
        around_.on_progress(std::const_pointer_cast<segmented_log>(shared_from_this()));
}

/// Index files and producer snapshots of closed segments: after the acknowledgements, nobody waits
/// for them.
void segmented_log::write_closed(
    std::vector<std::shared_ptr<segment>> parts,
    std::vector<bytes> producers
) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::lock_guard named{naming_};
        if (let_go_)
            return;
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
        const std::lock_guard named{naming_};
        let_go_ = true;
    }
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

} // namespace outbox::broker
