#pragma once
// The witness: for every partition, up to which offset its data has been on disk for certain. It is
// written after each successful fdatasync of the data, so it never says too much, and it is what
// tells a torn tail (never acknowledged, to be cut) from damage to acknowledged data (never to be
// cut) at the next start. FORMAT.md, "durable-offsets".
//
// One file for all partitions, so that one fdatasync makes all of it durable. Any thread.

#include "broker/log/disk.hpp"
#include "broker/log/partition_log.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace outbox::broker {

struct witness_record {
    std::int64_t durable_end = 0; // one past the last offset known to be on disk
    std::int64_t log_start = 0;
    friend bool operator==(const witness_record&, const witness_record&) = default;
};

/// One of the two records of a slot.
bytes encode_witness(
    const topic_id& id,
    std::int32_t partition,
    std::uint32_t sequence,
    const witness_record& record
);

class durable_offsets {
public:
    using slot = std::size_t;

    /// Creates the file if absent. `is_live` says which partitions exist; the slots of others are
    /// free.
    durable_offsets(
        disk& files,
        const std::string& path,
        const std::function<bool(const topic_id&, std::int32_t)>& is_live,
        std::error_code& ec
    );

    /// A slot of this partition with what it said when the file was opened, if it had one.
    struct claimed {
        slot index = 0;
        std::optional<witness_record> found;
    };
    claimed claim(const topic_id& id, std::int32_t partition);
    void release(slot index);

    /// Into the page cache. An error weakens the witness and is reported; it harms no data.
    void store(slot index, const witness_record& record, std::error_code& ec);
    void sync(std::error_code& ec);
    /// Has anything been stored since the last sync() began?
    bool has_unsynced() const;

private:
    struct entry {
        topic_id id{};
        std::int32_t partition = -1;
        std::uint32_t sequence = 0;
        std::optional<witness_record> record;
        bool used = false;
    };

    mutable std::mutex mutex_;
    std::unique_ptr<disk_file> file_;
    std::vector<entry> slots_;
    std::map<std::pair<topic_id, std::int32_t>, slot> found_;
    std::vector<slot> free_;
    std::error_code failed_;
    bool unsynced_ = false;
};

} // namespace outbox::broker
