#include "broker/log/log_manager.hpp"

#include "broker/log/checked_file.hpp"
#include "broker/log/committer.hpp"
#include "broker/log/durable_offsets.hpp"
#include "broker/log/format.hpp"
#include "broker/log/recovery.hpp"
#include "broker/log/segmented_log.hpp"
#include "broker/log/topic_name.hpp"
#include "broker/log/topic_registry.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace outbox::broker {
namespace {

constexpr std::string_view source = "broker.log";

[[noreturn]] void throw_io(const std::string& what, std::error_code ec) {
    throw error(
        error_kind::io,
        what + ": " + ec.message(),
        "check the path, its owner and the space on the disk"
    );
}

bool is_lack_of_space(std::error_code ec) {
    return ec == std::errc::no_space_on_device ||
           ec == std::error_code{EDQUOT, std::generic_category()};
}

std::string random_text(random_source& random, std::size_t size) {
    static constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    while (text.size() < size)
        text += alphabet[random.below(alphabet.size())];
    return text;
}

constexpr std::size_t cluster_id_size = 22;

std::string parent_of(std::string path) {
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    const auto slash = path.rfind('/');
    if (slash == std::string::npos)
        return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

} // namespace

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
    std::error_code
    alter_topic(std::string_view name, const config_overrides& overrides, std::string* bad_key);
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

// Opening
// ------------------------------------------------------------------------------------------------------------

log_manager::impl::impl(disk& files, const clock& time, random_source& random, log_options options)
    : files_(files)
    , time_(time)
    , random_(random)
    , options_(std::move(options)) {
    std::error_code ec;
    const bool is_new = !files_.exists(options_.directory, ec);
    files_.make_directory(options_.directory, ec);
    if (ec)
        throw_io("cannot create the data directory " + options_.directory, ec);
    if (is_new) {
        // The name of the directory must survive as well as what is in it.
        files_.sync_directory(parent_of(options_.directory), ec);
        if (ec)
            throw_io("cannot sync the parent of the data directory " + options_.directory, ec);
    }
    lock_ = files_.lock(path(format::lock_file), ec);
    if (ec == std::errc::resource_unavailable_try_again)
        throw error(
            error_kind::conflict,
            "the data directory " + options_.directory + " is in use by another process",
            "stop the other broker, or give this one a directory of its own with --data-dir"
        );
    if (ec)
        throw_io("cannot lock the data directory " + options_.directory, ec);
    open_identity();
    const bool clean = open_boot_epoch();
    open_topics();
    remove_leftovers();
    recover_partitions(clean);
    witness_synced_ = retention_checked_ = time_.ticks();
    if (options_.committer == committer_mode::thread)
        start_thread();
}

/// The body of a file in the data directory; nothing if there is none.
std::optional<bytes>
log_manager::impl::read_file(std::string_view name, std::string_view magic) const {
    auto content = read_checked_file(files_, path(name), magic, format::data_version);
    switch (content.state) {
    case file_state::good:
        return std::move(content.body);
    case file_state::missing:
        return std::nullopt;
    case file_state::damaged:
        throw error(
            error_kind::corrupt,
            "the file " + path(name) + " is damaged",
            "restore it from a copy; nothing has been changed"
        );
    case file_state::newer:
        throw error(
            error_kind::schema_mismatch,
            "the file " + path(name) + " was written by a newer version of the broker",
            "start that version; nothing has been changed"
        );
    case file_state::unreadable:
        break;
    }
    throw_io("cannot read " + path(name), content.error);
}

void log_manager::impl::write_file(std::string_view name, std::string_view magic, bytes_view body) {
    std::error_code ec;
    (void
    )write_checked_file(files_, options_.directory, name, magic, format::data_version, body, ec);
    if (ec)
        throw_io("cannot write " + path(name), ec);
}

void log_manager::impl::open_identity() {
    if (const auto body = read_file(format::identity_file, format::identity_magic)) {
        wire::reader reader{*body};
        cluster_id_ = read_text(reader);
        return;
    }
    std::error_code ec;
    const bool has_topics = files_.exists(path(format::topics_file), ec);
    if (ec)
        throw_io("cannot read " + options_.directory, ec);
    if (has_topics)
        throw error(
            error_kind::corrupt,
            "the file " + path(format::identity_file) + " is missing beside existing topics",
            "restore it from a copy; nothing has been changed"
        );
    cluster_id_ = random_text(random_, cluster_id_size);
    bytes body;
    append_text(body, cluster_id_);
    write_file(format::identity_file, format::identity_magic, body);
}

/// Begins a new leader epoch, durably. True if the last one ended with a clean stop.
bool log_manager::impl::open_boot_epoch() {
    std::int32_t last = 0;
    if (const auto body = read_file(format::boot_epoch_file, format::boot_epoch_magic)) {
        last = wire::reader{*body}.int32();
    } else {
        std::error_code ec;
        if (files_.exists(path(format::topics_file), ec))
            throw error(
                error_kind::corrupt,
                "the file " + path(format::boot_epoch_file) + " is missing beside existing topics",
                "restore it from a copy; nothing has been changed"
            );
    }
    bool clean = false;
    const auto mark = read_checked_file(
        files_,
        path(format::clean_shutdown_file),
        format::clean_shutdown_magic,
        format::data_version
    );
    if (mark.state == file_state::good)
        clean = wire::reader{mark.body}.int32() == last;
    leader_epoch_ = last + 1;
    bytes body;
    wire::writer{body}.int32(leader_epoch_);
    // From here on the mark of the last run counts no more: it names another epoch.
    write_file(format::boot_epoch_file, format::boot_epoch_magic, body);
    return clean;
}

void log_manager::impl::open_topics() {
    const auto body = read_file(format::topics_file, format::topics_magic);
    if (!body)
        return;
    auto listed = decode_topics(*body);
    if (!listed)
        throw error(
            error_kind::corrupt,
            "the file " + path(format::topics_file) + " holds no list of topics",
            "restore it from a copy; nothing has been changed"
        );
    for (registered_topic& topic : *listed) {
        if (topic.state == topic_state::deleting) {
            deleting_.push_back(std::move(topic));
            continue;
        }
        live_topic live;
        std::string bad_key;
        if (parse_topic_config(options_.topic_defaults, topic.overrides, live.config, &bad_key))
            log(log_level::warning,
                source,
                topic.name + ": the value of " + bad_key + " is not usable; defaults are used");
        live.registered = std::move(topic);
        topics_.emplace(live.registered.name, std::move(live));
    }
}

/// Finishes what the last run was doing when it ended: deletions, and creations that never became
/// real.
void log_manager::impl::remove_leftovers() {
    std::error_code ec;
    for (const registered_topic& topic : std::exchange(deleting_, {}))
        delete_files(topic);
    const auto names = files_.list(options_.directory, ec);
    if (ec)
        throw_io("cannot list " + options_.directory, ec);
    for (const std::string& name : names) {
        if (name.ends_with(format::temporary_suffix)) {
            files_.unlink(path(name), ec);
            continue;
        }
        const auto parsed = parse_partition_directory_name(name);
        if (!parsed)
            continue;
        const auto owner = topics_.find(parsed->topic);
        if (owner != topics_.end() &&
            parsed->partition <
                static_cast<std::int32_t>(owner->second.registered.created_in_epoch.size()))
            continue;
        const auto inside = files_.list(path(name), ec);
        if (ec)
            continue; // not a directory: not ours
        bool is_empty = true;
        for (const std::string& file : inside) {
            const auto opened = files_.open(path(name) + "/" + file, open_mode::read_write, ec);
            is_empty = is_empty && opened && opened->size(ec) == 0 &&
                       file == segment_file_name(0, format::log_suffix);
        }
        if (is_empty) {
            for (const std::string& file : inside)
                files_.unlink(path(name) + "/" + file, ec);
            files_.remove_directory(path(name), ec);
        } else {
            const std::string aside = random_text(random_, 16) + std::string{format::stray_suffix};
            log(log_level::warning,
                source,
                "the directory " + path(name) + " belongs to no topic; it is renamed to " + aside);
            files_.rename(path(name), path(aside), ec);
            if (ec)
                throw_io("cannot rename " + path(name), ec);
        }
    }
    files_.sync_directory(options_.directory, ec);
    if (ec)
        throw_io("cannot sync " + options_.directory, ec);
}

void log_manager::impl::recover_partitions(bool clean) {
    std::error_code ec;
    witness_ = std::make_unique<durable_offsets>(
        files_,
        path(format::durable_offsets_file),
        [&](const topic_id& id, std::int32_t partition) {
            return std::any_of(topics_.begin(), topics_.end(), [&](const auto& entry) {
                const registered_topic& topic = entry.second.registered;
                return topic.id == id &&
                       partition < static_cast<std::int32_t>(topic.created_in_epoch.size());
            });
        },
        ec
    );
    if (ec)
        throw_io("cannot open " + path(format::durable_offsets_file), ec);
    around_ = std::make_unique<log_surroundings>(log_surroundings{
        files_,
        time_,
        queue_,
        *witness_,
        leader_epoch_,
        options_.producer_count_max,
        options_.on_progress,
    });

    // The histories of epochs: damaged or missing, they can be found again by reading everything.
    std::map<std::pair<topic_id, std::int32_t>, epoch_history> histories;
    bool histories_known = topics_.empty();
    const auto stored = read_checked_file(
        files_,
        path(format::leader_epochs_file),
        format::leader_epochs_magic,
        format::data_version
    );
    if (stored.state == file_state::good) {
        wire::reader reader{stored.body};
        const auto count = reader.uint32();
        for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
            topic_id id{};
            const bytes_view raw = reader.take(id.size());
            std::copy(raw.begin(), raw.end(), id.begin());
            const auto partition = reader.int32();
            std::vector<epoch_start> starts;
            for (auto left = reader.uint32(); left > 0 && reader.ok(); --left) {
                epoch_start start;
                start.epoch = reader.int32();
                start.offset = reader.int64();
                starts.push_back(start);
            }
            histories[{id, partition}] = epoch_history{std::move(starts)};
        }
        histories_known = reader.ok() && reader.remaining() == 0;
    }
    if (!histories_known)
        log(log_level::warning,
            source,
            path(format::leader_epochs_file) + " is missing or damaged; every segment is read");

    report_.clean = clean;
    std::vector<std::string> accepted;
    for (auto& [name, topic] : topics_) {
        const auto count = static_cast<std::int32_t>(topic.registered.created_in_epoch.size());
        for (std::int32_t partition = 0; partition < count; ++partition) {
            const auto slot = witness_->claim(topic.registered.id, partition);
            recovery_input input;
            input.directory = partition_path(name, partition);
            input.clean = clean;
            input.witness = slot.found;
            input.config = topic.config;
            input.producer_count_max = options_.producer_count_max;
            if (histories_known) {
                const auto known = histories.find({topic.registered.id, partition});
                input.epochs = known != histories.end() ? known->second : epoch_history{};
                if (input.epochs->empty())
                    input.epochs->begin(
                        topic.registered.created_in_epoch[static_cast<std::size_t>(partition)],
                        0
                    );
            }
            recovered_log found = recover_partition(files_, input);
            if (found.error)
                throw_io("cannot recover " + input.directory, found.error);
            ++report_.partitions;
            report_.bytes_scanned += found.bytes_scanned;
            report_.torn_bytes_cut += found.torn_bytes_cut;
            const std::int64_t log_start = found.log_start;
            const std::int64_t log_end = found.log_end;
            if (!found.damage.empty()) {
                report_.quarantined.push_back({name, partition});
                log(log_level::error,
                    source,
                    "acknowledged data is damaged: " + found.damage +
                        ": the partition is quarantined: it is read up to there and takes no more "
                        "data; restore its directory from a copy, or stop the broker, create the "
                        "file " +
                        input.directory + "/" + std::string{format::accept_loss_file} +
                        " and start again to lose what follows");
            } else {
                if (found.torn_bytes_cut > 0)
                    log(log_level::info,
                        source,
                        input.directory + ": a torn tail of " +
                            std::to_string(found.torn_bytes_cut) +
                            " bytes, never acknowledged, was cut at offset " +
                            std::to_string(log_end));
                found.epochs.trim(found.segments.front()->base_offset);
                found.epochs.begin(leader_epoch_, log_end);
                witness_->store(slot.index, {log_end, log_start}, ec);
                if (!ec && !slot.found) // both records of a fresh slot
                    witness_->store(slot.index, {log_end, log_start}, ec);
                if (ec)
                    throw_io("cannot write " + path(format::durable_offsets_file), ec);
            }
            if (found.loss_accepted)
                accepted.push_back(input.directory);
            topic.partitions.push_back(std::make_shared<segmented_log>(
                *around_,
                topic_partition{name, partition},
                input.directory,
                slot.index,
                topic.config,
                std::move(found)
            ));
        }
    }
    witness_->sync(ec);
    if (!ec)
        files_.sync_directory(options_.directory, ec);
    if (ec)
        throw_io("cannot sync " + path(format::durable_offsets_file), ec);
    write_leader_epochs();
    for (const std::string& directory : accepted) {
        files_.unlink(directory + "/" + std::string{format::accept_loss_file}, ec);
        if (!ec)
            files_.sync_directory(directory, ec);
    }
}

/// Once per start, before anything is served: from here on every batch carries this epoch.
void log_manager::impl::write_leader_epochs() {
    bytes body;
    std::uint32_t count = 0;
    for (const auto& [name, topic] : topics_)
        count += static_cast<std::uint32_t>(topic.partitions.size());
    wire::writer{body}.uint32(count);
    for (const auto& [name, topic] : topics_) {
        for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
            body.append(topic.registered.id.begin(), topic.registered.id.end());
            wire::writer{body}.int32(static_cast<std::int32_t>(i));
            const auto starts = topic.partitions[i]->epochs();
            wire::writer{body}.uint32(static_cast<std::uint32_t>(starts.size()));
            for (const epoch_start& start : starts) {
                wire::writer{body}.int32(start.epoch);
                wire::writer{body}.int64(start.offset);
            }
        }
    }
    write_file(format::leader_epochs_file, format::leader_epochs_magic, body);
}

// Topics
// -------------------------------------------------------------------------------------------------------------

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
            files_.rename(
                directory,
                path(random_text(random_, 16) + std::string{format::stray_suffix}),
                ec
            );
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

std::error_code log_manager::impl::alter_topic(
    std::string_view name,
    const config_overrides& overrides,
    std::string* bad_key
) {
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
    if (const auto ec =
            parse_topic_config(options_.topic_defaults, overrides, topic.config, bad_key))
        return ec;
    if (metadata_failed_)
        return log_errc::metadata_failed;
    topic.registered.overrides = overrides;
    if (const auto error = store_registry(changed))
        return error;
    for (const auto& log : topic.partitions)
        log->set_config(topic.config);
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
            source,
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
std::error_code log_manager::alter_topic(
    std::string_view name,
    const config_overrides& overrides,
    std::string* bad_key
) {
    return impl_->alter_topic(name, overrides, bad_key);
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
