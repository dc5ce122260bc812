#include "broker/api/topic_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>
#include <vector>

namespace outbox::broker {

namespace {

constexpr bool fixed = false;
constexpr bool settable = true;

constexpr auto table = std::to_array<topic_setting>({
    {"cleanup.policy",
     setting_type::list,
     "delete",
     fixed,
     "Old segments are deleted; compaction does not exist here yet."},
    {"compression.type",
     setting_type::string,
     "producer",
     fixed,
     "Batches are kept as the producer compressed them."},
    {"delete.retention.ms", setting_type::int64, "86400000", fixed, "Concerns compaction."},
    {"file.delete.delay.ms",
     setting_type::int64,
     "60000",
     fixed,
     "Deleted files are removed at once when nobody reads them."},
    {"flush.messages",
     setting_type::int64,
     "1",
     settable,
     "1: an answer is given when the records are on disk. Anything else: when they are in memory, "
     "written out every flush.ms."},
    {"flush.ms",
     setting_type::int64,
     "1000",
     settable,
     "How long acknowledged records may stay in memory when flush.messages is not 1."},
    {"index.interval.bytes",
     setting_type::int32,
     "4096",
     settable,
     "One index entry per so many bytes of log."},
    {"max.compaction.lag.ms",
     setting_type::int64,
     "9223372036854775807",
     fixed,
     "Concerns compaction."},
    {max_message_bytes_key,
     setting_type::int32,
     "1048588",
     settable,
     "The largest record batch, after compression."},
    {"message.downconversion.enable",
     setting_type::boolean,
     "true",
     fixed,
     "Only record batches of format 2 exist here."},
    {"message.timestamp.difference.max.ms",
     setting_type::int64,
     "9223372036854775807",
     fixed,
     "Timestamps are the producer's and are not checked."},
    {"message.timestamp.type",
     setting_type::string,
     "CreateTime",
     fixed,
     "Timestamps are the producer's."},
    {"min.cleanable.dirty.ratio", setting_type::number, "0.5", fixed, "Concerns compaction."},
    {"min.compaction.lag.ms", setting_type::int64, "0", fixed, "Concerns compaction."},
    {"min.insync.replicas",
     setting_type::int32,
     "1",
     fixed,
     "There is one copy of every partition."},
    {"preallocate", setting_type::boolean, "false", fixed, "Segments grow as they are written."},
    {"retention.bytes",
     setting_type::int64,
     "-1",
     settable,
     "Old segments of a partition are deleted while the rest holds this much; -1: no limit."},
    {"retention.ms",
     setting_type::int64,
     "604800000",
     settable,
     "Segments whose newest record is older are deleted; -1: never."},
    {"segment.bytes",
     setting_type::int32,
     "1073741824",
     settable,
     "A segment is closed when the next batch would make it larger."},
    {"segment.index.bytes",
     setting_type::int32,
     "10485760",
     fixed,
     "Indexes grow as they are written."},
    {"segment.jitter.ms", setting_type::int64, "0", fixed, "Segments are closed without jitter."},
    {"segment.ms",
     setting_type::int64,
     "604800000",
     settable,
     "A segment is closed when its first record is older."},
    {"unclean.leader.election.enable",
     setting_type::boolean,
     "false",
     fixed,
     "There is one copy of every partition."},
});
static_assert(std::ranges::is_sorted(table, {}, &topic_setting::key));

/// Levenshtein's distance: how many letters to change, add or drop.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

} // namespace

std::span<const topic_setting> topic_settings() noexcept {
    return table;
}

const topic_setting* find_topic_setting(std::string_view key) noexcept {
    const auto found = std::ranges::lower_bound(table, key, {}, &topic_setting::key);
    return found != table.end() && found->key == key ? &*found : nullptr;
}

std::string default_text(
    const topic_setting& setting,
    const topic_config& defaults,
    std::int64_t message_bytes_max
) {
    if (setting.key == "flush.messages")
        return std::to_string(defaults.flush_messages);
    if (setting.key == "flush.ms")
        return std::to_string(defaults.flush.count());
    if (setting.key == "index.interval.bytes")
        return std::to_string(defaults.index_interval_bytes);
    if (setting.key == "retention.bytes")
        return std::to_string(defaults.retention_bytes);
    if (setting.key == "retention.ms")
        return std::to_string(defaults.retention.count());
    if (setting.key == "segment.bytes")
        return std::to_string(defaults.segment_bytes);
    if (setting.key == "segment.ms")
        return std::to_string(defaults.segment_age.count());
    if (setting.key == max_message_bytes_key)
        return std::to_string(message_bytes_max);
    return std::string(setting.value);
}

std::optional<std::string>
refuse_topic_setting(std::string_view key, const std::optional<std::string>& value) {
    const topic_setting* setting = find_topic_setting(key);
    if (!setting) {
        constexpr std::size_t key_bytes_max = 100; // longer ones are nobody's slip of the pen
        std::string text =
            "unknown topic configuration '" + std::string(key.substr(0, key_bytes_max)) + "'";
        if (key.size() <= key_bytes_max) {
            const auto nearest = std::ranges::min_element(table, {}, [&](const topic_setting& s) {
                return distance(s.key, key);
            });
            text += "; did you mean '" + std::string(nearest->key) + "'?";
        }
        return text;
    }
    if (!value)
        return std::string(key) + " has no value";
    if (!setting->settable && *value != setting->value)
        return std::string(key) + " can only be '" + std::string(setting->value) +
               "' on this broker: " + std::string(setting->documentation);
    if (key == max_message_bytes_key) {
        const auto size = parse_integer(*value);
        constexpr std::int64_t message_bytes_limit = 64 * 1024 * 1024;
        if (!size || *size < 0 || *size > message_bytes_limit)
            return std::string(key) + " must be a number from 0 to " +
                   std::to_string(message_bytes_limit);
    }
    return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace outbox::broker
