#pragma once
// One partition: an endless sequence of record batches, numbered without gaps, of which the broker
// keeps the newest part in files that Kafka's own tools can read.
//
//   auto result = log->append(batch);                  // written to the page cache, offsets
//   assigned if (!result.error)
//       log->when_durable(result.ticket, [](std::error_code ec) { … });   // now it may be
//       acknowledged
//
// What is promised. In sync mode (flush.messages=1) a ticket is fulfilled only after fdatasync, and
// readers never see anything beyond the high watermark, which is the durable end: an offset once
// seen never shows another value. In async mode a ticket is fulfilled at once and a power cut may
// take the last `flush.ms` of data with it. What is not: the log does not look into records and
// does not check the checksum of what it is given; the caller has validated the batch. It does
// check it on everything it reads back.
//
// All functions may be called from any thread, at the same time; they block on the disk but never
// on an fsync, except delete_records. Callbacks run on the committer thread (or, where said, inside
// the call) with no lock held; they must be short, must not throw, and may call back into the log.

#include "outbox/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace outbox::broker {

/// Kafka's topic id, a random UUID: another topic of the same name, created later, has another one.
using topic_id = std::array<unsigned char, 16>;

struct topic_partition {
    std::string topic;
    std::int32_t partition = 0;

    friend bool operator==(const topic_partition&, const topic_partition&) = default;
    friend auto operator<=>(const topic_partition&, const topic_partition&) = default;
};

/// "orders-0", as its directory is called.
inline std::string to_string(const topic_partition& name) {
    return name.topic + "-" + std::to_string(name.partition);
}

/// A place in the order of all appends. Fulfilled when everything of this partition up to
/// `offset_end` is as safe as its flush policy promises.
struct append_ticket {
    std::int64_t offset_end = 0; // one past the last record of the append
};

struct append_result {
    std::error_code error;
    std::int64_t base_offset = -1; // of a duplicate: the one it got the first time
    std::int64_t last_offset = -1;
    std::int64_t log_start_offset = -1;
    bool duplicate = false; // an idempotent producer's retry; nothing was appended. It still has a
                            // ticket to wait for.
    append_ticket ticket;
};

struct read_result {
    std::error_code error; // offset_out_of_range, corrupt_data, closed, or an errno
    bytes batches;         // whole batches, as stored; empty at the high watermark
    std::int64_t log_start_offset = 0;
    std::int64_t high_watermark = 0;
};

struct log_offsets {
    std::int64_t log_start = 0;      // the first offset that can be read
    std::int64_t high_watermark = 0; // one past the last offset that can be read
    std::int64_t log_end = 0;        // the offset the next append gets
};

enum class partition_health {
    serving,
    read_only,   // after a failed write or fsync: reads below the high watermark work, appends are
                 // refused
    quarantined, // acknowledged data is damaged: reads below the damage work, appends are refused
    closed,      // the topic is deleted, or the log manager closed
};

/// What a read does with a first batch that is larger than what was asked for.
enum class first_batch {
    always,     // it is given all the same: a reader must get on
    if_it_fits, // it is left, and only its head was read
};

/// The batch in which to look for a record. `batch` is empty if there is none.
struct batch_result {
    std::error_code error{};
    std::int64_t base_offset = -1;
    std::int64_t max_timestamp_ms = -1;
    std::int32_t leader_epoch = -1;
    bytes batch{};
};

class partition_log {
public:
    using durable_callback = std::function<void(std::error_code)>;

    virtual ~partition_log() = default;

    virtual const topic_partition& name() const noexcept = 0;

    /// Appends exactly one batch. Base offset and leader epoch are written into `batch` **in
    /// place**, so the buffer must not be shared; do not append the same buffer again after
    /// success. On an error nothing of it is in the log. An idempotent producer's batch (producer
    /// id >= 0) is checked against what that producer wrote here before.
    virtual append_result append(std::span<char> batch) = 0;

    /// Calls `done` exactly once: with no error when the ticket is fulfilled, with `read_only` or
    /// `quarantined` when it never can be (then the data may or may not survive: tell the client it
    /// is not acknowledged), with `closed` when the log is closed first. Calls it inside this call
    /// if the answer is known already.
    virtual void when_durable(append_ticket ticket, durable_callback done) = 0;

    /// Whole batches, beginning with the one that contains `offset` (which may begin before it), of
    /// at most `size_max` bytes together, except for what `first` says. Nothing at or beyond the
    /// high watermark. `offset` equal to the high watermark gives no batches and no error; it
    /// may also lie between the high watermark and the log end, which an old client can hold after
    /// it produced: no batches and no error either.
    virtual read_result
    read(std::int64_t offset, std::size_t size_max, first_batch first) const = 0;
    read_result read(std::int64_t offset, std::size_t size_max) const {
        return read(offset, size_max, first_batch::always);
    }

    virtual log_offsets offsets() const = 0;
    virtual partition_health health() const = 0;

    /// ListOffsets by time: the first batch below the high watermark whose largest timestamp is
    /// `timestamp_ms` or later. The caller looks for the record inside.
    virtual batch_result find_timestamp(std::int64_t timestamp_ms) const = 0;

    /// ListOffsets -3: the first batch that holds the largest timestamp of the log.
    virtual batch_result find_max_timestamp() const = 0;

    /// DeleteRecords: makes `offset` the log start, durably, and removes whole segments below it.
    /// -1 means the high watermark. offset_out_of_range beyond the high watermark; going back is no
    /// error and changes nothing. Returns the new log start in `log_start`. Blocks on fdatasync.
    virtual std::error_code delete_records(std::int64_t offset, std::int64_t& log_start) = 0;

    /// Bytes in the segment files.
    virtual std::int64_t size_bytes() const = 0;
};

} // namespace outbox::broker
