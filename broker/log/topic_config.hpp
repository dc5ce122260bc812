#pragma once
// A topic's settings under Kafka's own keys. The registry keeps the texts a client gave
// (`overrides`); the log reads from them the few it acts upon. A key the log does not know is kept
// and otherwise left to the api.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <system_error>

namespace outbox::broker {

/// The texts as a client set them: "retention.ms" -> "60000". Sorted, so that a file of them is
/// reproducible.
using config_overrides = std::map<std::string, std::string>;

struct topic_config {
    /// flush.messages. 1: an append is acknowledged when it is on disk, and readers see only what
    /// is on disk. Anything else: acknowledged when written to the page cache, flushed every
    /// `flush`.
    std::int64_t flush_messages = 1;
    /// flush.ms: how long acknowledged data may stay unflushed when flush_messages is not 1.
    std::chrono::milliseconds flush{1000};
    /// segment.bytes: a segment is closed when the next batch would make it larger.
    std::int64_t segment_bytes = std::int64_t{1} << 30;
    /// segment.ms: a segment is closed when the next batch is younger than its first by more than
    /// this.
    std::chrono::milliseconds segment_age{std::chrono::hours{24 * 7}};
    /// retention.ms: closed segments whose newest record is older are deleted; -1: never.
    std::chrono::milliseconds retention{std::chrono::hours{24 * 7}};
    /// retention.bytes: the oldest closed segments are deleted while the rest still holds this
    /// much; -1: no limit.
    std::int64_t retention_bytes = -1;
    /// index.interval.bytes: one index entry per so many bytes of log.
    std::int64_t index_interval_bytes = 4096;

    bool is_sync() const noexcept { return flush_messages == 1; }
};

/// Applies `overrides` to `defaults`. On a value that is not a number or outside its range:
/// invalid_config, and `bad_key`, if given, is set to the key. Unknown keys are no error here. Any
/// thread.
std::error_code parse_topic_config(
    const topic_config& defaults,
    const config_overrides& overrides,
    topic_config& out,
    std::string* bad_key = nullptr
);

} // namespace outbox::broker
