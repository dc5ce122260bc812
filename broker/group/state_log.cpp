#include "broker/group/state_log.hpp"

#include "broker/log/errc.hpp"
#include "outbox/base/log.hpp"
#include "wire/record_batch.hpp"

#include <chrono>
#include <span>
#include <string>
#include <utility>

namespace outbox::broker {

namespace {

constexpr std::string_view source = "broker.groups";
constexpr std::size_t read_bytes = 1024 * 1024;
/// Changes of one wave; the rest waits for the next.
constexpr std::size_t wave_changes_max = 20'000;

/// Acknowledged means on disk, whatever the topics of this broker promise; nothing goes by age. The
/// segments are small, because only whole ones can be deleted.
const config_overrides& topic_overrides() {
    static const config_overrides overrides{
        {"cleanup.policy", "compact"},
        {"flush.messages", "1"},
        {"retention.bytes", "-1"},
        {"retention.ms", "-1"},
        {"segment.bytes", "4194304"},
    };
    return overrides;
}

} // namespace

std::error_code state_log::load() {
    log_ = around_.logs.find_partition(offsets_topic, 0);
    if (!log_)
        return {};
    if (log_->health() != partition_health::serving)
        return log_errc::quarantined;
    const log_offsets range = log_->offsets();
    for (std::int64_t next = range.log_start; next < range.high_watermark;) {
        const read_result got = log_->read(next, read_bytes);
        if (got.error)
            return got.error;
        bytes_view rest = got.batches;
        while (const auto header = wire::read_batch_header(rest)) {
            std::vector<state_change> changes;
            const bytes_view batch = rest.substr(0, header->total_bytes());
            if (!decode_changes(batch, changes))
                return log_errc::corrupt_data;
            for (state_change& change : changes)
                around_.apply(std::move(change));
            grown_ += batch.size();
            next = header->last_offset() + 1;
            rest.remove_prefix(batch.size());
        }
    }
    return {};
}

void state_log::write(std::vector<state_change> changes, done_callback done) {
    queue_.push_back({std::move(changes), nullptr, std::move(done)});
    pump();
}

void state_log::write_when_quiet(decide_callback decide, done_callback done) {
    queue_.push_back({{}, std::move(decide), std::move(done)});
    pump();
}

void state_log::pump() {
    if (std::exchange(pumping_, true))
        return;
    while (!busy_ && next_wave())
        send();
    pumping_ = false;
}

state_log::item state_log::take() {
    item next = std::move(queue_.front());
    queue_.pop_front();
    return next;
}

/// False when there is nothing to do.
bool state_log::next_wave() {
    wave_.clear();
    wave_done_.clear();
    wave_is_snapshot_ = wants_snapshot();
    if (wave_is_snapshot_) {
        wave_ = around_.snapshot();
        wave_start_ = log_->offsets().log_end;
        return true;
    }
    // Who decides late does so now, when everything before is applied, and goes alone.
    while (!queue_.empty() && queue_.front().decide) {
        const item next = take();
        wave_ = next.decide();
        if (!wave_.empty()) {
            wave_done_.push_back(next.done);
            return true;
        }
        next.done({});
    }
    if (queue_.empty())
        return false;
    while (!queue_.empty() && !queue_.front().decide && wave_.size() < wave_changes_max) {
        item next = take();
        wave_.insert(
            wave_.end(),
            std::make_move_iterator(next.changes.begin()),
            std::make_move_iterator(next.changes.end())
        );
        wave_done_.push_back(std::move(next.done));
    }
    return true;
}

void state_log::send() {
    busy_ = true;
    if (wave_.empty()) {
        landed({});
        return;
    }
    if (!log_)
        log_ = around_.logs.find_partition(offsets_topic, 0);
    if (log_) {
        if (const auto ec = append_wave())
            landed(ec);
        return;
    }
    // The first change of all.
    around_.offload([this] {
        const std::error_code ec = around_.logs.create_topic(offsets_topic, 1, topic_overrides());
        around_.post([this, ec] {
            log_ = around_.logs.find_partition(offsets_topic, 0);
            std::error_code failed = ec;
            if (log_)
                failed = append_wave();
            if (failed) {
                landed(failed);
                pump();
            }
        });
    });
}

std::error_code state_log::append_wave() {
    const auto now_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(around_.time.now().time_since_epoch())
            .count();
    append_ticket last;
    wave_bytes_ = 0;
    for (bytes& batch : encode_changes(wave_, now_ms)) {
        const append_result result = log_->append(std::span(batch));
        if (result.error)
            return result.error;
        wave_bytes_ += batch.size();
        last = result.ticket;
    }
    // Whoever closes the log may call this when we are gone: `post` stays, and its job never runs.
    log_->when_durable(last, [this, post = around_.post](std::error_code ec) {
        post([this, ec] {
            landed(ec);
            pump();
        });
    });
    return {};
}

void state_log::landed(std::error_code ec) {
    busy_ = false;
    const auto done = std::exchange(wave_done_, {});
    if (ec)
        log(log_level::error,
            source,
            "changes of groups could not be made durable: " + ec.message() +
                "; who committed them is told to try again");
    grown_ += wave_bytes_;
    if (wave_is_snapshot_) {
        // After a failure too: it is tried again when the log has grown further.
        grown_ = 0;
        snapshot_bytes_ = wave_bytes_;
        if (!ec)
            delete_before(wave_start_);
    } else if (!ec) {
        for (state_change& change : std::exchange(wave_, {}))
            around_.apply(std::move(change));
    }
    wave_bytes_ = 0;
    for (const auto& call : done)
        call(ec);
}

bool state_log::wants_snapshot() const {
    return grown_ > around_.growth_bytes && grown_ > 2 * snapshot_bytes_;
}

void state_log::delete_before(std::int64_t offset) {
    around_.offload([log = log_, offset] {
        std::int64_t start = 0;
        if (const auto ec = log->delete_records(offset, start))
            outbox::log(
                log_level::warning,
                source,
                std::string(offsets_topic) + " could not be shortened: " + ec.message() +
                    "; it is tried again when it has grown"
            );
    });
}

} // namespace outbox::broker
