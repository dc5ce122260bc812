#include "broker/log/recovery.hpp"

#include "broker/log/batch_scan.hpp"
#include "broker/log/checked_file.hpp"
#include "broker/log/format.hpp"

#include <algorithm>

namespace outbox::broker {
namespace {

class recovering {
public:
    recovering(disk& files, const recovery_input& input)
        : files_(files)
        , in_(input)
        , durable_end_(input.witness ? input.witness->durable_end : 0) {
        out_.producers = producer_states{input.producer_count_max};
    }

    recovered_log run() {
        if (find_segments() && open_segments() && choose_where_to_begin() && scan() && settle()) {
            out_.log_end = expected_;
            out_.log_start = std::min(out_.log_start, expected_);
            out_.loss_accepted = accept_loss_;
        }
        if (!out_.damage.empty() && !out_.error)
            keep_what_is_readable();
        out_.epochs = in_.epochs ? *in_.epochs : rebuilt_;
        return std::move(out_);
    }

private:
    bool fail(std::error_code ec) {
        out_.error = ec;
        return false;
    }

    /// Acknowledged data from `offset` on is damaged. Returns false: nothing more is done to this
    /// partition.
    bool damaged(std::int64_t offset, std::string what) {
        out_.damage = std::move(what);
        out_.damage_offset = offset;
        out_.log_end = std::max(offset, durable_end_);
        return false;
    }

    std::string path(std::int64_t base_offset, std::string_view suffix) const {
        return in_.directory + "/" + segment_file_name(base_offset, suffix);
    }

    bool find_segments() {
        std::error_code ec;
        const auto names = files_.list(in_.directory, ec);
        if (ec == std::errc::no_such_file_or_directory)
            return damaged(log_start(), "the directory of the partition is missing");
        if (ec)
            return fail(ec);
        for (const std::string& name : names) {
            if (const auto base = parse_segment_file_name(name, format::log_suffix))
                bases_.push_back(*base);
            if (const auto base = parse_segment_file_name(name, format::producers_suffix))
                snapshots_.push_back(*base);
            if (name == format::accept_loss_file)
                accept_loss_ = true;
            if (name.ends_with(format::temporary_suffix))
                files_.unlink(in_.directory + "/" + name, ec);
        }
        std::sort(bases_.begin(), bases_.end());
        std::sort(snapshots_.rbegin(), snapshots_.rend());
        // Whole segments below the log start were being deleted when the last run ended.
        while (bases_.size() > 1 && bases_[1] <= log_start()) {
            remove_segment_files(bases_.front());
            bases_.erase(bases_.begin());
        }
        if (bases_.empty() || bases_.front() > log_start()) {
            if (!accept_loss_ && (bases_.empty() || in_.witness))
                return damaged(log_start(), "the segment with the first offset is missing");
            if (bases_.empty())
                bases_.push_back(std::max(durable_end_, log_start()));
        }
        out_.log_start = std::max(log_start(), bases_.front());
        return true;
    }

    std::int64_t log_start() const { return in_.witness ? in_.witness->log_start : 0; }

    void remove_segment_files(std::int64_t base) {
        std::error_code ignored;
        for (const auto suffix :
             {format::log_suffix,
              format::offset_index_suffix,
              format::time_index_suffix,
              format::producers_suffix})
            files_.unlink(path(base, suffix), ignored);
        directory_changed_ = true;
    }

    bool open_segments() {
        for (const std::int64_t base : bases_) {
            std::error_code ec;
            auto opened = std::make_shared<segment>();
            opened->base_offset = base;
            opened->end_offset = base;
            opened->file = files_.open(
                path(base, format::log_suffix),
                accept_loss_ ? open_mode::create : open_mode::read_write,
                ec
            );
            if (!opened->file)
                return fail(ec);
            opened->zero_filled_to = opened->file->size(ec);
            if (ec)
                return fail(ec);
            out_.segments.push_back(std::move(opened));
        }
        return true;
    }

    /// Takes a segment's word through its indexes: the last indexed batch is where the index says,
    /// and from there whole heads lead exactly to the end of the file and to `end_offset`.
    bool trust(segment& part, std::int64_t end_offset) {
        auto indexes = read_indexes(files_, in_.directory, part.base_offset);
        if (!indexes ||
            (part.zero_filled_to > 0 && indexes->times.empty() && !indexes->offsets.empty()))
            return false;
        std::uint64_t position = 0;
        std::int64_t expected = part.base_offset;
        std::int64_t landing = -1;
        if (!indexes->offsets.empty()) {
            position = indexes->offsets.back().position;
            landing = indexes->offsets.back().last_offset;
            expected = -1;
        }
        const std::uint64_t landing_position = position;
        const auto result = scan_batches(
            *part.file,
            position,
            part.zero_filled_to,
            expected,
            checksums::verify,
            [&](const wire::batch_header& batch, std::uint64_t at) {
                if (landing >= 0 && at == landing_position && batch.last_offset() != landing)
                    return visit::refuse;
                if (!epoch_is_right(batch))
                    return visit::refuse;
                return visit::go_on;
            }
        );
        out_.bytes_scanned += static_cast<std::int64_t>(result.position - landing_position);
        if (result.why != scan_end::at_limit || result.next_offset != end_offset)
            return false;
        if (!indexes->times.empty()) {
            part.max_timestamp_ms = indexes->times.back().timestamp_ms;
            part.max_timestamp_offset = indexes->times.back().offset;
            part.first_timestamp_ms = indexes->times.front().timestamp_ms;
        }
        part.size = part.zero_filled_to;
        part.end_offset = end_offset;
        part.offset_index = std::move(indexes->offsets);
        part.time_index = std::move(indexes->times);
        part.bytes_since_index_entry = part.size - landing_position;
        return true;
    }

    bool epoch_is_right(const wire::batch_header& batch) {
        if (in_.epochs)
            return in_.epochs->epoch_of(batch.base_offset) == batch.partition_leader_epoch;
        if (batch.partition_leader_epoch < 0 || batch.partition_leader_epoch < last_epoch_seen_)
            return false;
        return true;
    }

    bool load_snapshot(std::int64_t offset) {
        const auto content = read_checked_file(
            files_,
            path(offset, format::producers_suffix),
            format::producers_magic,
            format::data_version
        );
        if (content.state != file_state::good)
            return false;
        auto decoded = producer_states::decode(content.body, in_.producer_count_max);
        if (!decoded)
            return false;
        out_.producers = std::move(*decoded);
        producers_known_to_ = offset;
        return true;
    }

    /// Everything before the first segment to scan is taken at its word.
    bool choose_where_to_begin() {
        auto& segments = out_.segments;
        const auto index_of = [&](std::int64_t offset) {
            std::size_t index = 0;
            while (index + 1 < segments.size() && segments[index + 1]->base_offset <= offset)
                ++index;
            return index;
        };
        if (!in_.witness || !in_.epochs || accept_loss_) {
            first_scanned_ = 0;
        } else {
            first_scanned_ = index_of(durable_end_);
            if (in_.clean && load_snapshot(durable_end_)) {
                if (trust(*segments.back(), durable_end_))
                    first_scanned_ = segments.size();
            }
        }
        if (first_scanned_ < segments.size()) {
            // Producers are rebuilt from the newest snapshot at or before the place where scanning
            // begins anyway.
            out_.producers = producer_states{in_.producer_count_max};
            producers_known_to_ = segments.front()->base_offset;
            std::size_t from = 0;
            for (const std::int64_t snapshot : snapshots_) {
                // One from before the first segment knows nothing of the batches that have been
                // deleted since: whoever wrote those would be told that he has left a gap.
                if (snapshot < segments.front()->base_offset)
                    break;
                if (snapshot <= segments[first_scanned_]->base_offset && load_snapshot(snapshot)) {
                    from = index_of(snapshot);
                    break;
                }
            }
            first_scanned_ = std::min(first_scanned_, from);
        }
        for (std::size_t i = 0; i < std::min(first_scanned_, segments.size() - 1); ++i) {
            if (!trust(*segments[i], segments[i + 1]->base_offset)) {
                first_scanned_ = i;
                break;
            }
        }
        expected_ = first_scanned_ < segments.size() ? segments[first_scanned_]->base_offset
                                                     : segments.back()->end_offset;
        if (first_scanned_ == 0 && !in_.epochs)
            last_epoch_seen_ = 0;
        return true;
    }

    bool scan() {
        auto& segments = out_.segments;
        for (std::size_t i = first_scanned_; i < segments.size(); ++i) {
            segment& part = *segments[i];
            if (part.base_offset != expected_)
                return bad_frame(i - 1, segments[i - 1]->size, "the next segment does not follow");
            part.offset_index.clear();
            part.time_index.clear();
            part.max_timestamp_ms = part.max_timestamp_offset = part.first_timestamp_ms = -1;
            part.bytes_since_index_entry = 0;
            part.size = 0;
            const auto result = scan_batches(
                *part.file,
                0,
                part.zero_filled_to,
                expected_,
                checksums::verify,
                [&](const wire::batch_header& batch, std::uint64_t position) {
                    if (!epoch_is_right(batch))
                        return visit::refuse;
                    if (!in_.epochs &&
                        (rebuilt_.empty() || batch.partition_leader_epoch > last_epoch_seen_))
                        rebuilt_.begin(batch.partition_leader_epoch, batch.base_offset);
                    last_epoch_seen_ = batch.partition_leader_epoch;
                    if (batch.base_offset <= durable_end_ && durable_end_ < next_offset(batch) &&
                        batch.base_offset != durable_end_)
                        return visit::refuse; // the witness points into a batch
                    if (batch.base_offset >= durable_end_ && !tail_) {
                        tail_ = {i, position};
                    }
                    part.note(batch, in_.config.index_interval_bytes);
                    if (batch.producer_id >= 0 && batch.base_offset >= producers_known_to_)
                        out_.producers.note(batch);
                    return visit::go_on;
                }
            );
            out_.bytes_scanned += static_cast<std::int64_t>(result.position);
            if (result.why == scan_end::disk_error)
                return fail(result.error);
            expected_ = result.next_offset;
            if (result.why == scan_end::bad_frame) {
                std::error_code ec;
                const bool rest_is_zero =
                    all_zero(*part.file, result.position, part.zero_filled_to, ec);
                if (ec)
                    return fail(ec);
                const bool next_follows =
                    i + 1 < segments.size() && segments[i + 1]->base_offset == expected_;
                if (rest_is_zero && next_follows) {
                    // Filled ahead with zeros and closed; only the cut was not on disk yet.
                    if (!cut(part, result.position))
                        return false;
                    continue;
                }
                return bad_frame(i, result.position, result.reason);
            }
        }
        return missing_end();
    }

    bool missing_end() {
#ifdef OUTBOX_BREAK_TRUNCATE_AT_BAD_CRC
        return true;
#endif
        if (expected_ < durable_end_ && !accept_loss_)
            return damaged(
                expected_,
                "the log ends at offset " + std::to_string(expected_) + " but was on disk up to " +
                    std::to_string(durable_end_)
            );
        return true;
    }

    bool cut(segment& part, std::uint64_t position) {
        std::error_code ec;
        part.file->truncate(position, ec);
        if (ec)
            return fail(ec);
        part.zero_filled_to = position;
        touched_.push_back(part.file);
        return true;
    }

    /// The batch with offset expected_ is not whole: torn or damaged?
    bool bad_frame(std::size_t index, std::uint64_t position, const std::string& reason) {
        segment& part = *out_.segments[index];
        std::error_code ec;
        const bool rest_is_zero = all_zero(*part.file, position, part.zero_filled_to, ec);
        bool torn =
            expected_ >= durable_end_ &&
            (rest_is_zero || may_be_torn(*part.file, position, part.zero_filled_to, expected_, ec));
        if (ec)
            return fail(ec);
#ifdef OUTBOX_BREAK_TRUNCATE_AT_BAD_CRC
        torn = true;
#endif
        if (!torn && !accept_loss_)
            return damaged(
                expected_,
                "offset " + std::to_string(expected_) + " in " +
                    path(part.base_offset, format::log_suffix) + " at byte " +
                    std::to_string(position) + ": " + reason
            );
        // Nothing at or after this place was ever acknowledged as durable.
        if (!rest_is_zero)
            out_.torn_bytes_cut += static_cast<std::int64_t>(part.zero_filled_to - position);
        if (!cut(part, position))
            return false;
        while (out_.segments.size() > index + 1) {
            out_.torn_bytes_cut += static_cast<std::int64_t>(out_.segments.back()->zero_filled_to);
            remove_segment_files(out_.segments.back()->base_offset);
            out_.segments.pop_back();
        }
        return missing_end();
    }

    /// Makes what was found durable. The bytes after the last known durable offset are written
    /// again before they are synced: an fsync that failed in the last run may have left them in the
    /// page cache, marked clean, and not on disk.
    bool settle() {
        auto& segments = out_.segments;
        std::error_code ec;
        if (accept_loss_) {
            for (const auto& part : segments)
                touched_.push_back(part->file);
        }
        if (tail_ && !rewrite_tail())
            return false;
        for (const auto& file : touched_) {
            file->sync_data(ec);
            if (ec)
                return fail(ec);
        }
        // A segment may have been created without its name being on disk yet.
        if (!in_.clean || directory_changed_ || accept_loss_) {
            files_.sync_directory(in_.directory, ec);
            if (ec)
                return fail(ec);
        }
        // Snapshots beyond the end describe batches that are gone.
        for (const std::int64_t snapshot : snapshots_) {
            if (snapshot > expected_)
                files_.unlink(path(snapshot, format::producers_suffix), ec);
        }
        for (std::size_t i = 0; i + 1 < segments.size(); ++i)
            close_indexes(*segments[i], i >= first_scanned_);
        return true;
    }

    bool rewrite_tail() {
        std::error_code ec;
        for (std::size_t i = tail_->first; i < out_.segments.size(); ++i) {
            segment& part = *out_.segments[i];
            std::uint64_t position = i == tail_->first ? tail_->second : 0;
            bytes piece;
            while (position < part.size) {
                piece.resize(
                    static_cast<std::size_t>(std::min<std::uint64_t>(part.size - position, 1 << 20))
                );
                piece.resize(part.file->read_at(position, piece.data(), piece.size(), ec));
                const bytes_view parts[] = {piece};
                if (!ec)
                    write_all(*part.file, position, parts, ec);
                if (!ec && piece.empty())
                    ec = std::make_error_code(std::errc::io_error);
                if (ec)
                    return fail(ec);
                position += piece.size();
            }
            part.file->sync_data(ec);
            if (ec)
                return fail(ec);
        }
        return true;
    }

    /// Before the damage everything is served, and what is served is on disk first.
    void keep_what_is_readable() {
        auto& segments = out_.segments;
        std::erase_if(segments, [](const auto& part) { return part->size == 0; });
        if (tail_ && tail_->first < segments.size() && !rewrite_tail())
            segments.clear();
    }

    /// Only the active segment keeps its indexes in memory.
    void close_indexes(segment& part, bool were_rebuilt) {
        if (were_rebuilt) {
            std::error_code ec;
            part.finish_indexes();
            write_indexes(files_, in_.directory, part, ec);
            if (ec)
                return; // then they simply stay in memory
        }
        part.indexes_in_memory = false;
        part.offset_index = {};
        part.time_index = {};
    }

    disk& files_;
    const recovery_input& in_;
    std::int64_t durable_end_;
    recovered_log out_;
    std::vector<std::int64_t> bases_;
    std::vector<std::int64_t> snapshots_; // newest first
    bool accept_loss_ = false;
    bool directory_changed_ = false;
    std::size_t first_scanned_ = 0;
    std::int64_t producers_known_to_ = 0;
    std::int64_t expected_ = 0;
    std::int32_t last_epoch_seen_ = -1;
    epoch_history rebuilt_;
    std::optional<std::pair<std::size_t, std::uint64_t>>
        tail_; // segment, position of the durable end
    std::vector<std::shared_ptr<disk_file>> touched_;
};

} // namespace

recovered_log recover_partition(disk& files, const recovery_input& input) {
    return recovering{files, input}.run();
}

} // namespace outbox::broker
