#pragma once
// OffsetFetch: how far a group has got; from v8 on several groups at once.

#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct offset_fetch_api;

struct offset_fetch_request {
    using api = offset_fetch_api;

    struct topic {
        std::string name{};
        std::vector<std::int32_t> partition_indexes{};

        static constexpr auto fields() {
            return table(
                field("name", &topic::name),
                field("partition_indexes", &topic::partition_indexes)
            );
        }
        bool operator==(const topic&) const = default;
    };

    struct group {
        std::string group_id{};
        /// Null: everything that the group has committed.
        std::optional<std::vector<topic>> topics{};

        static constexpr auto fields() {
            return table(field("group_id", &group::group_id), field("topics", &group::topics));
        }
        bool operator==(const group&) const = default;
    };

    std::string group_id{};
    /// Null: everything that the group has committed.
    std::optional<std::vector<topic>> topics{};
    std::vector<group> groups{};
    bool require_stable = false;

    static constexpr auto fields() {
        return table(
            field("group_id", &offset_fetch_request::group_id, between(0, 7)),
            field("topics", &offset_fetch_request::topics, between(0, 7)),
            field("groups", &offset_fetch_request::groups, since(8)),
            field("require_stable", &offset_fetch_request::require_stable, since(7))
        );
    }
    bool operator==(const offset_fetch_request&) const = default;
};

struct offset_fetch_response {
    using api = offset_fetch_api;

    struct partition {
        std::int32_t index = 0;
        std::int64_t offset = -1;
        std::int32_t leader_epoch = -1;
        std::optional<std::string> metadata = "";
        error_code error = error_code::none;

        static constexpr auto fields() {
            return table(
                field("index", &partition::index),
                field("offset", &partition::offset),
                field("leader_epoch", &partition::leader_epoch, since(5)),
                field("metadata", &partition::metadata),
                field("error", &partition::error)
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

    struct group {
        std::string group_id{};
        std::vector<topic> topics{};
        error_code error = error_code::none;

        static constexpr auto fields() {
            return table(
                field("group_id", &group::group_id),
                field("topics", &group::topics),
                field("error", &group::error)
            );
        }
        bool operator==(const group&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<topic> topics{};
    error_code error = error_code::none;
    std::vector<group> groups{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &offset_fetch_response::throttle_time_ms, since(3)),
            field("topics", &offset_fetch_response::topics, between(0, 7)),
            field("error", &offset_fetch_response::error, between(2, 7)),
            field("groups", &offset_fetch_response::groups, since(8))
        );
    }
    bool operator==(const offset_fetch_response&) const = default;
};

struct offset_fetch_api {
    static constexpr api_key key = api_key::offset_fetch;
    static constexpr const char* name = "OffsetFetch";
    static constexpr version_range versions{1, 8};
    static constexpr std::int16_t flexible_from = 6;
    using request = offset_fetch_request;
    using response = offset_fetch_response;
};

} // namespace outbox::wire
