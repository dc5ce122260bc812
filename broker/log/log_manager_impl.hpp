#pragma once
// The inside of log_manager, for its own files alone: log_manager_opening.cpp recovers what the
// last run left, log_manager_topics.cpp changes topics, log_manager.cpp has the rest.

#include "broker/log/committer.hpp"
#include "broker/log/durable_offsets.hpp"
#include "broker/log/log_manager.hpp"
#include "broker/log/segmented_log.hpp"
#include "broker/log/topic_name.hpp"
#include "broker/log/topic_registry.hpp"

#include <map>
#include <mutex>
#include <thread>

namespace outbox::broker {

class log_manager::impl {
public:
    impl(disk& files, const clock& time, random_source& random, log_options options);
    ~impl() {
        stop_thread();
        for (const auto& log : all_logs())
            log->close(); // somebody may still hold one
    }

    std::error_code create_topic(
        std::string_view name,
        std::int32_t partition_count,
        const config_overrides& overrides,
        std::string* bad_key
    );
    std::error_code check_create(
        std::string_view name,
        std::int32_t partition_count,
        const config_overrides& overrides,
        std::string* bad_key,
        topic_config& config
    ) const;
    std::error_code add_partitions(std::string_view name, std::int32_t partition_count);
    std::error_code delete_topic(std::string_view name);
    std::optional<topic_description> find_topic(std::string_view name) const;
    std::vector<topic_description> topics() const;
    std::shared_ptr<partition_log> find_partition(std::string_view name, std::int32_t index) const;
    std::int64_t next_producer_id(std::error_code& ec);
    std::error_code close();
    bool flush_pending() { return queue_.run_group(time_.ticks()); }
    void run_housekeeping();

    recovery_report report_;
    std::int32_t leader_epoch_ = 0;
    std::string cluster_id_;

    std::error_code check_create_locked(
        std::string_view name,
        std::int32_t partition_count,
        const config_overrides& overrides,
        std::string* bad_key
    ) const {
        const std::lock_guard lock{topics_mutex_};
        topic_config ignored;
        return check_create(name, partition_count, overrides, bad_key, ignored);
    }

private:
    struct live_topic {
        registered_topic registered;
        topic_config config;
        std::vector<std::shared_ptr<segmented_log>> partitions;
    };
    using topic_map = std::map<std::string, live_topic, std::less<>>;

    std::string path(std::string_view name) const {
        return options_.directory + "/" + std::string{name};
    }
    std::string partition_path(std::string_view topic, std::int32_t partition) const {
        return path(partition_directory_name(topic, partition));
    }
    std::string random_text(std::size_t size) const;
    std::optional<bytes> read_file(std::string_view name, std::string_view magic) const;
    void write_file(std::string_view name, std::string_view magic, bytes_view body);

    void open_identity();
    bool open_boot_epoch();
    void open_topics();
    void remove_leftovers();
    void recover_partitions(bool clean);
    void write_leader_epochs();

    std::error_code store_registry(const topic_map& topics);
    std::error_code
    create_partition_files(const registered_topic& topic, std::int32_t first, std::int32_t end);
    void drop_partition_files(const registered_topic& topic, std::int32_t first, std::int32_t end);
    std::shared_ptr<segmented_log>
    fresh_log(const live_topic& topic, std::int32_t partition, std::error_code& ec);
    void delete_files(const registered_topic& topic);
    topic_description describe(const live_topic& topic) const;
    std::vector<std::shared_ptr<segmented_log>> all_logs() const;
    void sync_witness();

    void start_thread();
    void stop_thread();

    disk& files_;
    const clock& time_;
    random_source& random_;
    const log_options options_;
    std::unique_ptr<disk_lock> lock_;
    std::unique_ptr<durable_offsets> witness_;
    commit_queue queue_;
    std::unique_ptr<log_surroundings> around_;

    /// Held during every change of topics, disk work included; taken before topics_mutex_.
    std::mutex changing_;
    bool metadata_failed_ = false; // by changing_
    topic_list deleting_;          // by changing_
    mutable std::mutex topics_mutex_;
    topic_map topics_;
    bool closed_ = false; // by topics_mutex_

    std::mutex producer_ids_mutex_;
    std::int64_t next_producer_id_ = 0;
    std::int64_t producer_ids_end_ = 0;

    tick_point witness_synced_{};
    tick_point retention_checked_{};
    std::thread committer_;
};

} // namespace outbox::broker
