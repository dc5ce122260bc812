// Opening a data directory: identity, leader epoch, topics, and the recovery of every partition.

#include "broker/log/checked_file.hpp"
#include "broker/log/format.hpp"
#include "broker/log/log_manager_impl.hpp"
#include "broker/log/recovery.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>
#include <atomic>
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
    cluster_id_ = random_text(cluster_id_size);
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
            const std::string aside = random_text(16) + std::string{format::stray_suffix};
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
            if (found.loss_accepted) {
                report_.loss_accepted.push_back({name, partition});
                accepted.push_back(input.directory);
            }
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

} // namespace outbox::broker
