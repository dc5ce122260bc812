// Topics come, change and go: each change is durable when its function returns.

#include "broker/log/checked_file.hpp"
#include "broker/log/format.hpp"
#include "broker/log/log_manager_impl.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"

#include <utility>

namespace outbox::broker {
namespace {

constexpr std::string_view source = "broker.log";

} // namespace

std::error_code log_manager::impl::check_create(
    std::string_view name,
    std::int32_t partition_count,
    const config_overrides& overrides,
    std::string* bad_key,
    topic_config& config
) const {
    if (!is_valid_topic_name(name))
        return log_errc::invalid_topic_name;
    if (topics_.find(name) != topics_.end())
        return log_errc::topic_exists;
    if (partition_count < 1 || partition_count > options_.partition_count_max)
        return log_errc::invalid_partition_count;
    return parse_topic_config(options_.topic_defaults, overrides, config, bad_key);
}

/// Writes the registry with `topics` and what is being deleted. By changing_.
std::error_code log_manager::impl::store_registry(const topic_map& topics) {
    topic_list listed;
    for (const auto& [name, topic] : topics)
        listed.push_back(topic.registered);
    listed.insert(listed.end(), deleting_.begin(), deleting_.end());
    std::stable_sort(listed.begin(), listed.end(), [](const auto& a, const auto& b) {
        return a.name < b.name;
    });
    std::error_code ec;
    const auto outcome = write_checked_file(
        files_,
        options_.directory,
        format::topics_file,
        format::topics_magic,
        format::data_version,
        encode_topics(listed),
        ec
    );
    switch (outcome) {
    case write_outcome::durable:
        return {};
    case write_outcome::unchanged:
        return is_lack_of_space(ec) ? log_errc::no_space : log_errc::metadata_failed;
    case write_outcome::in_doubt:
        break;
    }
    metadata_failed_ = true;
    log(log_level::error,
        source,
        "the list of topics could not be made durable: " + ec.message() +
            ": topics cannot be changed until the broker is restarted on a sound disk");
    return log_errc::metadata_failed;
}

/// The directories and first segments of partitions [first, end), durable.
std::error_code log_manager::impl::create_partition_files(
    const registered_topic& topic,
    std::int32_t first,
    std::int32_t end
) {
    std::error_code ec;
    for (std::int32_t i = first; i < end && !ec; ++i) {
        const std::string directory = partition_path(topic.name, i);
        if (files_.exists(directory, ec) && !ec)
            files_.rename(directory, path(random_text(16) + std::string{format::stray_suffix}), ec);
        if (!ec)
            files_.make_directory(directory, ec);
        if (!ec)
            files_.open(
                directory + "/" + segment_file_name(0, format::log_suffix),
                open_mode::create_new,
                ec
            );
        if (!ec)
            files_.sync_directory(directory, ec);
    }
    if (!ec)
        files_.sync_directory(options_.directory, ec);
    return ec;
}

void log_manager::impl::drop_partition_files(
    const registered_topic& topic,
    std::int32_t first,
    std::int32_t end
) {
    std::error_code ignored;
    for (std::int32_t i = first; i < end; ++i) {
        const std::string directory = partition_path(topic.name, i);
        files_.unlink(directory + "/" + segment_file_name(0, format::log_suffix), ignored);
        files_.remove_directory(directory, ignored);
    }
}

/// The log of a partition whose files have just been created.
std::shared_ptr<segmented_log>
log_manager::impl::fresh_log(const live_topic& topic, std::int32_t partition, std::error_code& ec) {
    recovered_log empty;
    auto part = std::make_shared<segment>();
    const std::string directory = partition_path(topic.registered.name, partition);
    part->file = files_.open(
        directory + "/" + segment_file_name(0, format::log_suffix),
        open_mode::read_write,
        ec
    );
    if (ec)
        return nullptr;
    empty.segments.push_back(std::move(part));
    empty.producers = producer_states{options_.producer_count_max};
    empty.epochs.begin(leader_epoch_, 0);
    const auto slot = witness_->claim(topic.registered.id, partition);
    witness_->store(slot.index, {}, ec);
    if (!ec) // both records, so that damage to one leaves the other
        witness_->store(slot.index, {}, ec);
    return std::make_shared<segmented_log>(
        *around_,
        topic_partition{topic.registered.name, partition},
        directory,
        slot.index,
        topic.config,
        std::move(empty)
    );
}

std::error_code log_manager::impl::create_topic(
    std::string_view name,
    std::int32_t partition_count,
    const config_overrides& overrides,
    std::string* bad_key
) {
    const std::lock_guard changing{changing_};
    live_topic fresh;
    topic_map changed;
    {
        const std::lock_guard lock{topics_mutex_};
        if (closed_)
            return log_errc::closed;
        if (const auto ec = check_create(name, partition_count, overrides, bad_key, fresh.config))
            return ec;
        changed = topics_;
    }
    if (metadata_failed_)
        return log_errc::metadata_failed;
    fresh.registered.name = name;
    random_.fill(fresh.registered.id);
    // Kafka's ids are version 4 UUIDs.
    fresh.registered.id[6] = static_cast<unsigned char>((fresh.registered.id[6] & 0x0f) | 0x40);
    fresh.registered.id[8] = static_cast<unsigned char>((fresh.registered.id[8] & 0x3f) | 0x80);
    fresh.registered.overrides = overrides;
    fresh.registered.created_in_epoch.assign(
        static_cast<std::size_t>(partition_count),
        leader_epoch_
    );

    std::error_code ec = create_partition_files(fresh.registered, 0, partition_count);
    for (std::int32_t i = 0; i < partition_count && !ec; ++i)
        fresh.partitions.push_back(fresh_log(fresh, i, ec));
    if (!ec)
        witness_->sync(ec);
    if (ec) {
        drop_partition_files(fresh.registered, 0, partition_count);
        return is_lack_of_space(ec) ? log_errc::no_space : log_errc::metadata_failed;
    }
    changed.emplace(fresh.registered.name, fresh);
    if (const auto error = store_registry(changed)) {
        if (!metadata_failed_)
            drop_partition_files(fresh.registered, 0, partition_count);
        return error;
    }
    const std::lock_guard lock{topics_mutex_};
    topics_ = std::move(changed);
    return {};
}

std::error_code
log_manager::impl::add_partitions(std::string_view name, std::int32_t partition_count) {
    const std::lock_guard changing{changing_};
    topic_map changed;
    {
        const std::lock_guard lock{topics_mutex_};
        changed = topics_;
    }
    const auto found = changed.find(name);
    if (found == changed.end())
        return log_errc::unknown_topic;
    live_topic& topic = found->second;
    const auto before = static_cast<std::int32_t>(topic.partitions.size());
    if (partition_count <= before || partition_count > options_.partition_count_max)
        return log_errc::invalid_partition_count;
    if (metadata_failed_)
        return log_errc::metadata_failed;
    topic.registered.created_in_epoch.resize(
        static_cast<std::size_t>(partition_count),
        leader_epoch_
    );
    std::error_code ec = create_partition_files(topic.registered, before, partition_count);
    for (std::int32_t i = before; i < partition_count && !ec; ++i)
        topic.partitions.push_back(fresh_log(topic, i, ec));
    if (!ec)
        witness_->sync(ec);
    if (ec) {
        drop_partition_files(topic.registered, before, partition_count);
        return is_lack_of_space(ec) ? log_errc::no_space : log_errc::metadata_failed;
    }
    if (const auto error = store_registry(changed)) {
        if (!metadata_failed_)
            drop_partition_files(topic.registered, before, partition_count);
        return error;
    }
    const std::lock_guard lock{topics_mutex_};
    topics_ = std::move(changed);
    return {};
}

std::error_code log_manager::impl::delete_topic(std::string_view name) {
    const std::lock_guard changing{changing_};
    topic_map changed;
    {
        const std::lock_guard lock{topics_mutex_};
        changed = topics_;
    }
    const auto found = changed.find(name);
    if (found == changed.end())
        return log_errc::unknown_topic;
    if (metadata_failed_)
        return log_errc::metadata_failed;
    const live_topic topic = found->second;
    changed.erase(found);
    deleting_.push_back(topic.registered);
    deleting_.back().state = topic_state::deleting;
    if (const auto error = store_registry(changed)) {
        deleting_.pop_back();
        return error;
    }
    {
        const std::lock_guard lock{topics_mutex_};
        topics_ = std::move(changed);
    }
    for (const auto& log : topic.partitions)
        log->close();
    delete_files(topic.registered);
    for (std::size_t i = 0; i < topic.partitions.size(); ++i)
        witness_->release(witness_->claim(topic.registered.id, static_cast<std::int32_t>(i)).index);
    // The registry forgets the topic with the next change; a start before that finds nothing more
    // to delete.
    std::erase_if(deleting_, [&](const auto& t) { return t.id == topic.registered.id; });
    return {};
}

/// Renames first, so that a topic of the same name can be created while the files go.
void log_manager::impl::delete_files(const registered_topic& topic) {
    std::error_code ec;
    const bool name_is_reused = topics_.find(topic.name) != topics_.end();
    std::vector<std::string> going;
    for (std::size_t i = 0; i < topic.created_in_epoch.size(); ++i) {
        const std::string from = partition_path(topic.name, static_cast<std::int32_t>(i));
        const std::string to =
            path(to_text(topic.id) + "." + std::to_string(i) + std::string{format::deleted_suffix});
        if (!name_is_reused)
            files_.rename(from, to, ec);
        going.push_back(to);
    }
    files_.sync_directory(options_.directory, ec);
    for (const std::string& directory : going) {
        for (const std::string& file : files_.list(directory, ec))
            files_.unlink(directory + "/" + file, ec);
        files_.remove_directory(directory, ec);
    }
}

} // namespace outbox::broker
