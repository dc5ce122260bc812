#pragma once
// What can go wrong inside the log, one enumerator per thing the caller would do differently. The
// api maps them to Kafka's codes; the names in brackets say which one is meant.

#include <system_error>

namespace outbox::broker {

enum class log_errc {
    offset_out_of_range =
        1,                  // below the log start or above the high watermark [OFFSET_OUT_OF_RANGE]
    malformed_batch,        // not exactly one whole record batch of magic 2 [CORRUPT_MESSAGE]
    batch_too_large,        // larger than a segment can ever hold [RECORD_LIST_TOO_LARGE]
    out_of_order_sequence,  // an idempotent producer skipped or repeated something
                            // [OUT_OF_ORDER_SEQUENCE_NUMBER]
    invalid_producer_epoch, // a newer incarnation of this producer has written
                            // [INVALID_PRODUCER_EPOCH]
    no_space,               // the disk is full; nothing was kept; works again when there is space
                            // [KAFKA_STORAGE_ERROR]
    read_only,    // a write or fsync failed; this partition takes no more data until a restart
                  // [KAFKA_STORAGE_ERROR]
    quarantined,  // acknowledged data is damaged; appends are refused [KAFKA_STORAGE_ERROR]
    corrupt_data, // this very read met damaged data; what lies before it is still served
                  // [KAFKA_STORAGE_ERROR]
    closed, // the topic was deleted or the log was closed meanwhile [UNKNOWN_TOPIC_OR_PARTITION]
    invalid_topic_name, // outside [A-Za-z0-9._-]{1,249}, or "." or ".." [INVALID_TOPIC_EXCEPTION]
    topic_exists,       // [TOPIC_ALREADY_EXISTS]
    unknown_topic,      // [UNKNOWN_TOPIC_OR_PARTITION]
    invalid_partition_count, // below 1, above the limit, or not more than there are
                             // [INVALID_PARTITIONS]
    invalid_config,          // a value this broker cannot honour [INVALID_CONFIG]
    metadata_failed,         // a metadata write failed; no more changes of topics until a restart
                             // [KAFKA_STORAGE_ERROR]
};

const std::error_category& log_category() noexcept;

inline std::error_code make_error_code(log_errc code) noexcept {
    return {static_cast<int>(code), log_category()};
}

/// No space on the disk, or no quota left: what somebody can make room for.
bool is_lack_of_space(std::error_code ec) noexcept;

} // namespace outbox::broker

template <>
struct std::is_error_code_enum<outbox::broker::log_errc> : std::true_type {};
