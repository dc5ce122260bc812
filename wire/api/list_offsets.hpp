#pragma once
// ListOffsets: the offset at a time. Timestamp -1 asks for the high watermark, -2 for the start of
// the log, -3 (v7) for the record with the largest timestamp.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct list_offsets_api;

struct list_offsets_request {
    using api = list_offsets_api;

    struct partition {
        std::int32_t index = 0;
        std::int32_t current_leader_epoch = -1;
        std::int64_t timestamp = 0;

        static constexpr auto fields() {
            return table(
                field("index", &partition::index),
                field("current_leader_epoch", &partition::current_leader_epoch, since(4)),
                field("timestamp", &partition::timestamp)
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

    std::int32_t replica_id = -1;
    std::int8_t isolation_level = 0;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("replica_id", &list_offsets_request::replica_id),
            field("isolation_level", &list_offsets_request::isolation_level, since(2)),
            field("topics", &list_offsets_request::topics)
        );
    }
    bool operator==(const list_offsets_request&) const = default;
};

struct list_offsets_response {
    using api = list_offsets_api;

    struct partition {
        std::int32_t index = 0;
        error_code error = error_code::none;
        std::int64_t timestamp = -1;
        std::int64_t offset = -1;
        std::int32_t leader_epoch = -1;

        static constexpr auto fields() {
            return table(
                field("index", &partition::index),
                field("error", &partition::error),
                field("timestamp", &partition::timestamp, since(1)),
                field("offset", &partition::offset, since(1)),
                field("leader_epoch", &partition::leader_epoch, since(4))
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
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &list_offsets_response::throttle_time_ms, since(2)),
            field("topics", &list_offsets_response::topics)
        );
    }
    bool operator==(const list_offsets_response&) const = default;
};

struct list_offsets_api {
    static constexpr api_key key = api_key::list_offsets;
    static constexpr const char* name = "ListOffsets";
    static constexpr version_range versions{1, 7};
    static constexpr std::int16_t flexible_from = 6;
    using request = list_offsets_request;
    using response = list_offsets_response;
};

} // namespace outbox::wire
