#pragma once
// The partition log on segment files: what stands behind the face in partition_log.hpp.

#include "broker/log/committer.hpp"
#include "broker/log/durable_offsets.hpp"
#include "broker/log/partition_log.hpp"
#include "broker/log/recovery.hpp"
#include "broker/log/topic_config.hpp"
#include "outbox/base/clock.hpp"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace outbox::broker {

/// What all logs of one manager share. Outlives them.
struct log_surroundings {
    disk& files;
    const clock& time;
    commit_queue& queue;
    durable_offsets& witness;
    std::int32_t leader_epoch = 0;
    std::function<void(const std::shared_ptr<partition_log>&)> on_progress{};
};

class segmented_log final : public partition_log,
                            public flushable,
                            public std::enable_shared_from_this<segmented_log> {
public:
    segmented_log(
        log_surroundings& around,
        topic_partition name,
        std::string directory,
        durable_offsets::slot witness_slot,
        topic_config config,
        recovered_log recovered
    );

    const topic_partition& name() const noexcept override { return name_; }
    append_result append(std::span<char> batch) override;
    void when_durable(append_ticket ticket, durable_callback done) override;
    using partition_log::read;
    read_result read(std::int64_t offset, std::size_t size_max, first_batch first) const override;
    log_offsets offsets() const override;
    partition_health health() const override;
    batch_result find_timestamp(std::int64_t timestamp_ms) const override;
    batch_result find_max_timestamp() const override;
    std::error_code delete_records(std::int64_t offset, std::int64_t& log_start) override;
    std::int64_t size_bytes() const override;

    void start_flush() noexcept override;
    void flush() override;

    /// Deletes closed segments that the topic's retention no longer covers. On the committer
    /// thread.
    void enforce_retention();
    /// After the last flush of a clean stop: cuts the file to its data, writes indexes and the
    /// producer snapshot.
    void write_clean_end(std::error_code& ec);
    /// From now on everything answers `closed`.
    void close();
    std::vector<epoch_start> epochs() const;

private:
    struct hint {
        std::int64_t offset = -1;
        std::shared_ptr<segment> part;
        std::uint64_t position = 0;
    };
    /// Where to begin looking for an offset.
    struct start_point {
        std::shared_ptr<segment> part;
        std::uint64_t limit = 0; // bytes of batches in it
        std::uint64_t position = 0;
        std::int64_t base_offset = -1; // that must stand there, if known
        std::int64_t last_offset = -1; // else the last offset of the batch that must stand there
    };
    /// What a look into the log may see.
    struct view {
        std::error_code error;
        std::int64_t log_start = 0;
        std::int64_t high_watermark = 0;
        std::int64_t log_end = 0;
        std::int64_t readable_end = 0; // the high watermark, or the damage before it
        bool damaged = false;          // readable_end is the damage
        std::shared_ptr<const epoch_history> epochs;
    };
    enum class guided_by { indexes, nothing };
    /// The largest timestamp of some batches, and the last offset of the first that has it.
    struct newest {
        std::int64_t timestamp_ms = -1;
        std::int64_t offset = -1;
        void consider(std::int64_t a_timestamp_ms, std::int64_t an_offset);
    };

    view look() const;
    start_point find_start(std::int64_t offset, guided_by guide) const;
    /// Batches from the one with `offset` on. Empty and no error: there is none below the readable
    /// end.
    std::error_code collect(
        std::int64_t offset,
        std::size_t size_max,
        first_batch first,
        const view& seen,
        guided_by guide,
        bytes& out
    ) const;
    std::error_code collect_or_report(
        std::int64_t offset,
        std::size_t size_max,
        first_batch first,
        const view& seen,
        bytes& out
    ) const;
    void remember(std::int64_t offset, std::shared_ptr<segment> part, std::uint64_t position) const;
    void report_damage(std::int64_t offset, const std::string& what) const;
    start_point newest_known(
        const std::shared_ptr<segment>& part,
        const view& seen,
        guided_by guide,
        newest& best
    ) const;
    std::error_code
    find_newest(const std::shared_ptr<segment>& part, const view& seen, newest& best) const;
    batch_result batch_at(std::int64_t offset, const view& seen) const;

    using callbacks = std::vector<std::pair<durable_callback, std::error_code>>;
    std::error_code refusal() const;
    std::error_code roll();
    void fill_ahead(segment& active, std::size_t batch_bytes);
    std::error_code write_failed(std::error_code ec, callbacks& done);
    void refuse_waiting(std::error_code why, callbacks& done);
    bool advance(std::int64_t end, callbacks& done);
    void mark_dirty(const std::shared_ptr<segment>& part);
    void store_witness();
    void write_closed(std::vector<std::shared_ptr<segment>> parts, std::vector<bytes> producers);
    void delete_segments_below(std::int64_t log_start);
    void announce() const;
    std::string path(std::int64_t base_offset, std::string_view suffix) const;

    log_surroundings& around_;
    const topic_partition name_;
    const std::string directory_;
    const durable_offsets::slot witness_slot_;
    const topic_config config_;

    /// Held while files are named by their path, and taken before mutex_. After close() a path may
    /// belong to a new topic of the same name.
    std::mutex naming_;
    bool let_go_ = false; // by naming_: close() was called

    mutable std::mutex mutex_;
    std::map<std::int64_t, std::shared_ptr<segment>> segments_; // by base offset
    std::int64_t log_start_ = 0;
    std::int64_t high_watermark_ = 0;
    std::int64_t acked_end_ = 0;   // tickets up to here are fulfilled
    std::int64_t durable_end_ = 0; // synced up to here
    std::int64_t log_end_ = 0;
    mutable partition_health health_ = partition_health::serving;
    mutable std::int64_t damage_offset_ = -1;
    std::shared_ptr<const epoch_history> epochs_;
    producer_states producers_;
    std::multimap<std::int64_t, durable_callback> waiting_; // by the end they wait for

    // What the next flush has to do.
    std::vector<std::shared_ptr<segment>> dirty_;
    bool directory_dirty_ = false;
    bool queued_now_ = false;
    bool queued_later_ = false;
    std::vector<std::shared_ptr<segment>> closed_; // without index files yet
    std::vector<bytes> closed_producers_;          // the producers' states at the end of each

    // Where readers stopped, so that the next read of each need not search.
    mutable std::array<hint, 8> hints_;
    mutable std::size_t next_hint_ = 0;
};

} // namespace outbox::broker
