#pragma once
// One file of a partition's log and its two indexes. Offsets are absolute here; the files hold them
// relative to the segment's base. The indexes of the segment that is being written live in memory
// and are put on disk when it is closed: they are caches, and a missing or insane one is rebuilt
// from the log.
//
// A segment is guarded by the mutex of its log, except that anyone who holds it may read from
// `file`, and that what concerns a closed segment no longer changes.

#include "broker/log/disk.hpp"
#include "broker/log/stored_batch.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox::broker {

struct offset_index_entry {
    std::int64_t last_offset = 0; // of the batch at `position`
    std::uint32_t position = 0;
    friend bool operator==(const offset_index_entry&, const offset_index_entry&) = default;
};

struct time_index_entry {
    std::int64_t timestamp_ms = 0; // the largest so far in this segment
    std::int64_t offset = 0;       // the last offset of the batch that has it
    friend bool operator==(const time_index_entry&, const time_index_entry&) = default;
};

bytes encode_offset_index(std::int64_t base_offset, const std::vector<offset_index_entry>& entries);
bytes encode_time_index(std::int64_t base_offset, const std::vector<time_index_entry>& entries);
/// Nothing if the bytes are not an ascending index of whole entries.
std::optional<std::vector<offset_index_entry>>
decode_offset_index(std::int64_t base_offset, bytes_view data);
std::optional<std::vector<time_index_entry>>
decode_time_index(std::int64_t base_offset, bytes_view data);

/// The last entry whose offset is not above `offset`; null if there is none.
const offset_index_entry*
find_offset(const std::vector<offset_index_entry>& entries, std::int64_t offset);
/// The last entry whose timestamp is below `timestamp_ms`; null if there is none.
const time_index_entry*
find_time(const std::vector<time_index_entry>& entries, std::int64_t timestamp_ms);

/// "00000000000000000042.log", and its reverse.
std::string segment_file_name(std::int64_t base_offset, std::string_view suffix);
std::optional<std::int64_t> parse_segment_file_name(std::string_view name, std::string_view suffix);

struct segment {
    std::int64_t base_offset = 0;
    std::shared_ptr<disk_file> file;
    std::uint64_t size = 0;           // bytes of batches
    std::uint64_t zero_filled_to = 0; // the file is at least this long; zeros from `size` on
    std::int64_t end_offset = 0;      // one past the last record
    std::int64_t max_timestamp_ms = -1;
    std::int64_t max_timestamp_offset = -1; // the last offset of the batch that has it
    std::int64_t first_timestamp_ms = -1;   // largest timestamp of the first batch
    std::vector<offset_index_entry> offset_index;
    std::vector<time_index_entry> time_index;
    bool indexes_in_memory = true;
    std::uint64_t bytes_since_index_entry = 0;

    /// A batch was written at `size`: moves the end and notes it in the indexes.
    void note(const wire::batch_header& batch, std::int64_t index_interval_bytes);
    /// Before the indexes are written: the last time entry names the largest timestamp.
    void finish_indexes();
};

/// Both index files of a closed segment, each whole or not there at all.
void write_indexes(
    disk& files,
    const std::string& directory,
    const segment& closed,
    std::error_code& ec
);

struct segment_indexes {
    std::vector<offset_index_entry> offsets;
    std::vector<time_index_entry> times;
};
/// Nothing if a file is missing or insane.
std::optional<segment_indexes>
read_indexes(disk& files, const std::string& directory, std::int64_t base_offset);

} // namespace outbox::broker
