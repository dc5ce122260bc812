#pragma once
// The data directory of one broker: which topics there are, their partition logs, and the one
// thread that makes appends durable.
//
//   log_manager logs{posix_disk(), system_clock(), system_random(), {.directory =
//   "/var/lib/outbox-broker"}}; logs.create_topic("orders", 4, {}, nullptr); auto orders =
//   logs.find_partition("orders", 0); … logs.close();                        // optional: a clean
//   stop makes the next start fast
//
// The constructor locks the directory, recovers whatever the last run left behind and returns when
// every partition can be served. The destructor gives up: it stops the thread and lets go of the
// lock, like a crash but with the files closed; who still waits for a ticket or holds a partition
// gets `closed`. Only close() flushes and leaves the mark of a clean stop.
//
// Any thread may call any function. Functions that change topics block on several fsyncs
// (milliseconds).

#include "broker/log/disk.hpp"
#include "broker/log/errc.hpp"
#include "broker/log/partition_log.hpp"
#include "broker/log/topic_config.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace outbox::broker {

enum class committer_mode {
    thread, // the usual: one committer thread
    manual, // for tests: nothing is flushed until flush_pending() or run_housekeeping() is called
};

struct log_options {
    /// Created if absent; its parent must exist.
    std::string directory{};
    /// What a topic gets that does not say otherwise; `--flush async` sets flush_messages here.
    topic_config topic_defaults{};
    /// Upper limit for the partitions of one topic.
    std::int32_t partition_count_max = 10'000;
    /// How many idempotent producers a partition remembers; beyond it the one silent the longest is
    /// forgotten.
    std::size_t producer_count_max = 10'000;
    /// How often retention is looked at.
    std::chrono::milliseconds retention_check{std::chrono::minutes{5}};
    /// How long after an acknowledgement its witness is on disk at the latest: see FORMAT.md,
    /// "durable-offsets".
    std::chrono::milliseconds witness_sync{100};
    committer_mode committer = committer_mode::thread;
    /// Called when a partition's high watermark moved or its health changed, so that waiting
    /// fetches can look again. In sync mode on the committer thread; in async mode inside append();
    /// inside a read that found damage. Set by the server, which posts it to its loop.
    std::function<void(const std::shared_ptr<partition_log>&)> on_progress{};
};

struct topic_description {
    std::string name;
    topic_id id{};
    std::int32_t partition_count = 0;
    config_overrides overrides;
    topic_config config; // defaults and overrides together
};

/// What the last start found; for the log line and for tests.
struct recovery_report {
    bool clean = false; // the last run ended with close()
    std::int64_t partitions = 0;
    std::int64_t bytes_scanned = 0;
    std::int64_t torn_bytes_cut = 0; // never acknowledged, removed
    std::vector<topic_partition> quarantined;
    std::vector<topic_partition> loss_accepted; // cut off at the damage, because a person said so
};

class log_manager {
public:
    /// Throws outbox::error: `conflict` if another process holds the directory, `io` if it cannot
    /// be read or written, `corrupt` if a metadata file is damaged, `schema_mismatch` if it was
    /// written by a newer version. A damaged partition is no error here: it is quarantined and the
    /// others are served. All arguments outlive this.
    log_manager(disk& files, const clock& time, random_source& random, log_options options);
    ~log_manager();
    log_manager(const log_manager&) = delete;
    log_manager& operator=(const log_manager&) = delete;

    const recovery_report& recovery() const noexcept;

    /// Counts the starts of this data directory, from 1; the leader epoch of every partition in
    /// this run.
    std::int32_t leader_epoch() const noexcept;
    /// 22 characters, made when the directory was; Kafka's cluster id.
    const std::string& cluster_id() const noexcept;

    /// Durable when it returns. invalid_topic_name, topic_exists, invalid_partition_count,
    /// invalid_config (then `bad_key` names the key, if given), no_space, metadata_failed.
    std::error_code create_topic(
        std::string_view name,
        std::int32_t partition_count,
        const config_overrides& overrides,
        std::string* bad_key = nullptr
    );
    /// Checks the same things and changes nothing (validate_only).
    std::error_code check_create_topic(
        std::string_view name,
        std::int32_t partition_count,
        const config_overrides& overrides,
        std::string* bad_key = nullptr
    ) const;
    /// Adds partitions so that there are `partition_count` of them.
    std::error_code add_partitions(std::string_view name, std::int32_t partition_count);
    /// Waiting tickets get `closed`; readers that hold the partition get `closed` from now on.
    std::error_code delete_topic(std::string_view name);

    std::optional<topic_description> find_topic(std::string_view name) const;
    /// Sorted by name.
    std::vector<topic_description> topics() const;
    /// Null if there is no such topic or partition.
    std::shared_ptr<partition_log>
    find_partition(std::string_view topic, std::int32_t partition) const;

    /// A producer id never given out before, by any run. -1 and `ec` if the disk refused.
    std::int64_t next_producer_id(std::error_code& ec);

    /// Flushes everything, writes snapshots and indexes, and leaves the mark of a clean stop.
    /// Afterwards every partition is closed. Returns the first error; then there is no mark, and
    /// the next start scans.
    std::error_code close();

    /// One group commit on the calling thread; true if there was anything to do. For
    /// committer_mode::manual.
    bool flush_pending();
    /// What the committer does on the side: flushes that are due, retention, the witness. For
    /// committer_mode::manual.
    void run_housekeeping();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace outbox::broker
