#include "broker/log/topic_config.hpp"

#include "broker/log/errc.hpp"

#include <charconv>
#include <limits>
#include <string_view>

namespace outbox::broker {
namespace {

struct number_rule {
    std::string_view key;
    std::int64_t least;
    std::int64_t most;
    void (*set)(topic_config&, std::int64_t);
};

using milliseconds = std::chrono::milliseconds;
constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
/// Larger durations would overflow when they are added to a time point in nanoseconds; it is a
/// century.
constexpr std::int64_t long_ms = std::int64_t{100} * 365 * 24 * 3600 * 1000;

constexpr number_rule rules[] = {
    {"flush.messages", 1, any, [](topic_config& c, std::int64_t v) { c.flush_messages = v; }},
    {"flush.ms",
     0,
     any,
     [](topic_config& c, std::int64_t v) { c.flush = milliseconds{std::min(v, long_ms)}; }},
    // Kafka's own least value of segment.bytes was 14 for years; 1 KiB keeps the files in sane
    // numbers.
    {"segment.bytes",
     1024,
     std::numeric_limits<std::int32_t>::max(),
     [](topic_config& c, std::int64_t v) { c.segment_bytes = v; }},
    {"segment.ms",
     1,
     any,
     [](topic_config& c, std::int64_t v) { c.segment_age = milliseconds{std::min(v, long_ms)}; }},
    {"retention.ms",
     -1,
     any,
     [](topic_config& c, std::int64_t v) { c.retention = milliseconds{std::min(v, long_ms)}; }},
    {"retention.bytes", -1, any, [](topic_config& c, std::int64_t v) { c.retention_bytes = v; }},
    {"index.interval.bytes",
     0,
     std::numeric_limits<std::int32_t>::max(),
     [](topic_config& c, std::int64_t v) { c.index_interval_bytes = v; }},
};

} // namespace

std::error_code parse_topic_config(
    const topic_config& defaults,
    const config_overrides& overrides,
    topic_config& out,
    std::string* bad_key
) {
    topic_config result = defaults;
    for (const number_rule& rule : rules) {
        const auto found = overrides.find(std::string{rule.key});
        if (found == overrides.end())
            continue;
        const std::string& text = found->second;
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size() || value < rule.least ||
            value > rule.most) {
            if (bad_key != nullptr)
                *bad_key = found->first;
            return log_errc::invalid_config;
        }
        rule.set(result, value);
    }
    out = result;
    return {};
}

} // namespace outbox::broker
