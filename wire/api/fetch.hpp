#pragma once
// Fetch: record batches from an offset on, with a long poll. Fetch sessions (v7) are declined by
// answering with session id 0; versions from 13 on name topics by id, which this project does not
// have yet.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct fetch_api;

struct fetch_request {
    using api = fetch_api;

    struct partition {
        std::int32_t index = 0;
        std::int32_t current_leader_epoch = -1;
        std::int64_t fetch_offset = 0;
        std::int32_t last_fetched_epoch = -1;
        std::int64_t log_start_offset = -1;
        std::int32_t partition_max_bytes = 0;

        static constexpr auto fields() {
            return table(
                field("index", &partition::index),
                field("current_leader_epoch", &partition::current_leader_epoch, since(9)),
                field("fetch_offset", &partition::fetch_offset),
                field("last_fetched_epoch", &partition::last_fetched_epoch, since(12)),
                field("log_start_offset", &partition::log_start_offset, since(5)),
                field("partition_max_bytes", &partition::partition_max_bytes)
            );
        }
        bool operator==(const partition&) const = default;
    };

    struct topic {
        std::string name{};
        std::vector<partition> partitions{};

        static constexpr auto fields() {
            return table(field("name", &topic::name), field("partitions", &topic::partitions));
        }
        bool operator==(const topic&) const = default;
    };

    struct forgotten_topic {
        std::string name{};
        std::vector<std::int32_t> partitions{};

        static constexpr auto fields() {
            return table(
                field("name", &forgotten_topic::name),
                field("partitions", &forgotten_topic::partitions)
            );
        }
        bool operator==(const forgotten_topic&) const = default;
    };

    std::int32_t replica_id = -1;
    std::int32_t max_wait_ms = 0;
    std::int32_t min_bytes = 0;
    std::int32_t max_bytes = 0x7fffffff;
    std::int8_t isolation_level = 0;
    std::int32_t session_id = 0;
    std::int32_t session_epoch = -1;
    std::vector<topic> topics{};
    std::vector<forgotten_topic> forgotten_topics{};
    std::string rack_id{};
    std::optional<std::string> cluster_id{};

    static constexpr auto fields() {
        return table(
            field("replica_id", &fetch_request::replica_id),
            field("max_wait_ms", &fetch_request::max_wait_ms),
            field("min_bytes", &fetch_request::min_bytes),
            field("max_bytes", &fetch_request::max_bytes, since(3)),
            field("isolation_level", &fetch_request::isolation_level, since(4)),
            field("session_id", &fetch_request::session_id, since(7)),
            field("session_epoch", &fetch_request::session_epoch, since(7)),
            field("topics", &fetch_request::topics),
            field("forgotten_topics", &fetch_request::forgotten_topics, since(7)),
            field("rack_id", &fetch_request::rack_id, since(11)),
            tagged(0, "cluster_id", &fetch_request::cluster_id, since(12))
        );
    }
    bool operator==(const fetch_request&) const = default;
};

struct fetch_response {
    using api = fetch_api;

    struct aborted_transaction {
        std::int64_t producer_id = 0;
        std::int64_t first_offset = 0;

        static constexpr auto fields() {
            return table(
                field("producer_id", &aborted_transaction::producer_id),
                field("first_offset", &aborted_transaction::first_offset)
            );
        }
        bool operator==(const aborted_transaction&) const = default;
    };

    struct epoch_end_offset {
        std::int32_t epoch = -1;
        std::int64_t end_offset = -1;

        static constexpr auto fields() {
            return table(
                field("epoch", &epoch_end_offset::epoch, since(12)),
                field("end_offset", &epoch_end_offset::end_offset, since(12))
            );
        }
        bool operator==(const epoch_end_offset&) const = default;
    };

    struct leader_and_epoch {
        std::int32_t leader_id = -1;
        std::int32_t leader_epoch = -1;

        static constexpr auto fields() {
            return table(
                field("leader_id", &leader_and_epoch::leader_id, since(12)),
                field("leader_epoch", &leader_and_epoch::leader_epoch, since(12))
            );
        }
        bool operator==(const leader_and_epoch&) const = default;
    };

    struct partition {
        std::int32_t index = 0;
        error_code error = error_code::none;
        std::int64_t high_watermark = -1;
        std::int64_t last_stable_offset = -1;
        std::int64_t log_start_offset = -1;
        epoch_end_offset diverging_epoch{};
        leader_and_epoch current_leader{};
        std::optional<std::vector<aborted_transaction>> aborted_transactions{};
        std::int32_t preferred_read_replica = -1;
        std::optional<bytes_view> records{};

        static constexpr auto fields() {
            return table(
                field("index", &partition::index),
                field("error", &partition::error),
                field("high_watermark", &partition::high_watermark),
                field("last_stable_offset", &partition::last_stable_offset, since(4)),
                field("log_start_offset", &partition::log_start_offset, since(5)),
                tagged(0, "diverging_epoch", &partition::diverging_epoch, since(12)),
                tagged(1, "current_leader", &partition::current_leader, since(12)),
                field("aborted_transactions", &partition::aborted_transactions, since(4)),
                field("preferred_read_replica", &partition::preferred_read_replica, since(11)),
                field("records", &partition::records)
            );
        }
        bool operator==(const partition&) const = default;
    };

    struct topic {
        std::string name{};
        std::vector<partition> partitions{};

        static constexpr auto fields() {
            return table(field("name", &topic::name), field("partitions", &topic::partitions));
        }
        bool operator==(const topic&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::int32_t session_id = 0;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &fetch_response::throttle_time_ms, since(1)),
            field("error", &fetch_response::error, since(7)),
            field("session_id", &fetch_response::session_id, since(7)),
            field("topics", &fetch_response::topics)
        );
    }
    bool operator==(const fetch_response&) const = default;
};

struct fetch_api {
    static constexpr api_key key = api_key::fetch;
    static constexpr const char* name = "Fetch";
    static constexpr version_range versions{4, 12};
    static constexpr std::int16_t flexible_from = 12;
    using request = fetch_request;
    using response = fetch_response;
};

} // namespace outbox::wire
