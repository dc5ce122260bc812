#include "broker/log/log_manager.hpp"

#include "broker/log/checked_file.hpp"
#include "broker/log/format.hpp"
#include "broker/log/log_manager_impl.hpp"
#include "outbox/base/log.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>
#include <utility>

namespace outbox::broker {

topic_description log_manager::impl::describe(const live_topic& topic) const {
    return {
        topic.registered.name,
        topic.registered.id,
        static_cast<std::int32_t>(topic.partitions.size()),
        topic.registered.overrides,
        topic.config,
    };
}

std::optional<topic_description> log_manager::impl::find_topic(std::string_view name) const {
    const std::lock_guard lock{topics_mutex_};
    const auto found = topics_.find(name);
    if (found == topics_.end())
        return std::nullopt;
    return describe(found->second);
}

std::vector<topic_description> log_manager::impl::topics() const {
    const std::lock_guard lock{topics_mutex_};
    std::vector<topic_description> all;
    for (const auto& [name, topic] : topics_)
        all.push_back(describe(topic));
    return all;
}

std::shared_ptr<partition_log>
log_manager::impl::find_partition(std::string_view name, std::int32_t index) const {
    const std::lock_guard lock{topics_mutex_};
    const auto found = topics_.find(name);
    if (found == topics_.end() || index < 0 ||
        index >= static_cast<std::int32_t>(found->second.partitions.size()))
        return nullptr;
    return found->second.partitions[static_cast<std::size_t>(index)];
}

std::vector<std::shared_ptr<segmented_log>> log_manager::impl::all_logs() const {
    const std::lock_guard lock{topics_mutex_};
    std::vector<std::shared_ptr<segmented_log>> all;
    for (const auto& [name, topic] : topics_)
        all.insert(all.end(), topic.partitions.begin(), topic.partitions.end());
    return all;
}

std::int64_t log_manager::impl::next_producer_id(std::error_code& ec) {
    const std::lock_guard lock{producer_ids_mutex_};
    ec.clear();
    if (next_producer_id_ == producer_ids_end_) {
        // The block is on disk as used before its first id is given out.
        std::int64_t start = producer_ids_end_;
        if (start == 0) {
            const auto stored = read_checked_file(
                files_,
                path(format::producer_ids_file),
                format::producer_ids_magic,
                format::data_version
            );
            if (stored.state == file_state::good)
                start = wire::reader{stored.body}.int64();
            else if (stored.state != file_state::missing) {
                ec = log_errc::metadata_failed;
                return -1;
            }
        }
        bytes body;
        wire::writer{body}.int64(start + format::producer_id_block);
        const auto outcome = write_checked_file(
            files_,
            options_.directory,
            format::producer_ids_file,
            format::producer_ids_magic,
            format::data_version,
            body,
            ec
        );
        if (outcome != write_outcome::durable) {
            ec = is_lack_of_space(ec) ? log_errc::no_space : log_errc::metadata_failed;
            return -1;
        }
        next_producer_id_ = start;
        producer_ids_end_ = start + format::producer_id_block;
    }
    return next_producer_id_++;
}

// The committer
// ------------------------------------------------------------------------------------------------------

/// For names that nobody guesses or has used before.
std::string log_manager::impl::random_text(std::size_t size) const {
    static constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    while (text.size() < size)
        text += alphabet[random_.below(alphabet.size())];
    return text;
}

void log_manager::impl::start_thread() {
    committer_ = std::thread([this] {
        while (true) {
            tick_point until = retention_checked_ + options_.retention_check;
            if (witness_->has_unsynced())
                until = std::min(until, witness_synced_ + options_.witness_sync);
            if (!queue_.wait(time_, until))
                return;
            queue_.run_group(time_.ticks());
            run_housekeeping();
        }
    });
}

void log_manager::impl::stop_thread() {
    queue_.stop();
    if (committer_.joinable())
        committer_.join();
}

void log_manager::impl::run_housekeeping() {
    const tick_point now = time_.ticks();
    if (now - witness_synced_ >= options_.witness_sync) {
        if (witness_->has_unsynced())
            sync_witness();
        witness_synced_ = now;
    }
    if (now - retention_checked_ >= options_.retention_check) {
        retention_checked_ = now;
        for (const auto& log : all_logs())
            log->enforce_retention();
    }
}

void log_manager::impl::sync_witness() {
    std::error_code ec;
    witness_->sync(ec);
    if (ec)
        log(log_level::error,
            "broker.log",
            "the durable offsets could not be synced: " + ec.message() +
                "; acknowledged data is safe, but damage to it may be taken for a torn tail");
}

std::error_code log_manager::impl::close() {
    const std::lock_guard changing{changing_};
    {
        const std::lock_guard lock{topics_mutex_};
        if (std::exchange(closed_, true))
            return {};
    }
    stop_thread();
    queue_.run_everything();
    std::error_code first;
    const auto keep_first = [&](std::error_code ec) {
        if (ec && !first)
            first = ec;
    };
    for (const auto& log : all_logs()) {
        std::error_code ec;
        log->write_clean_end(ec);
        keep_first(ec);
        log->close();
    }
    std::error_code ec;
    witness_->sync(ec);
    keep_first(ec);
    if (!first) {
        bytes body;
        wire::writer{body}.int32(leader_epoch_);
        (void)write_checked_file(
            files_,
            options_.directory,
            format::clean_shutdown_file,
            format::clean_shutdown_magic,
            format::data_version,
            body,
            ec
        );
        keep_first(ec);
    }
    lock_.reset();
    return first;
}

// The face
// -----------------------------------------------------------------------------------------------------------

log_manager::log_manager(disk& files, const clock& time, random_source& random, log_options options)
    : impl_(std::make_unique<impl>(files, time, random, std::move(options))) {}
log_manager::~log_manager() = default;

const recovery_report& log_manager::recovery() const noexcept {
    return impl_->report_;
}
std::int32_t log_manager::leader_epoch() const noexcept {
    return impl_->leader_epoch_;
}
const std::string& log_manager::cluster_id() const noexcept {
    return impl_->cluster_id_;
}
std::error_code log_manager::create_topic(
    std::string_view name,
    std::int32_t partition_count,
    const config_overrides& overrides,
    std::string* bad_key
) {
    return impl_->create_topic(name, partition_count, overrides, bad_key);
}
std::error_code log_manager::check_create_topic(
    std::string_view name,
    std::int32_t partition_count,
    const config_overrides& overrides,
    std::string* bad_key
) const {
    return impl_->check_create_locked(name, partition_count, overrides, bad_key);
}
std::error_code log_manager::add_partitions(std::string_view name, std::int32_t partition_count) {
    return impl_->add_partitions(name, partition_count);
}
std::error_code log_manager::delete_topic(std::string_view name) {
    return impl_->delete_topic(name);
}
std::optional<topic_description> log_manager::find_topic(std::string_view name) const {
    return impl_->find_topic(name);
}
std::vector<topic_description> log_manager::topics() const {
    return impl_->topics();
}
std::shared_ptr<partition_log>
log_manager::find_partition(std::string_view topic, std::int32_t partition) const {
    return impl_->find_partition(topic, partition);
}
std::int64_t log_manager::next_producer_id(std::error_code& ec) {
    return impl_->next_producer_id(ec);
}
std::error_code log_manager::close() {
    return impl_->close();
}
bool log_manager::flush_pending() {
    return impl_->flush_pending();
}
void log_manager::run_housekeeping() {
    impl_->run_housekeeping();
}

} // namespace outbox::broker
