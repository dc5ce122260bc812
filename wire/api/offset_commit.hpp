#pragma once
// OffsetCommit: a group has got this far.

#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct offset_commit_api;

struct offset_commit_request {
    using api = offset_commit_api;

    struct partition {
        std::int32_t index = 0;
        std::int64_t offset = -1;
        std::int32_t leader_epoch = -1;
        std::optional<std::string> metadata{};

        static constexpr auto fields() {
            return table(
                field("index", &partition::index),
                field("offset", &partition::offset),
                field("leader_epoch", &partition::leader_epoch, since(6)),
                field("metadata", &partition::metadata)
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

    std::string group_id{};
    std::int32_t generation_id = -1;
    std::string member_id{};
    std::optional<std::string> group_instance_id{};
    std::int64_t retention_time_ms = -1;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("group_id", &offset_commit_request::group_id),
            field("generation_id", &offset_commit_request::generation_id),
            field("member_id", &offset_commit_request::member_id),
            field("group_instance_id", &offset_commit_request::group_instance_id, since(7)),
            field("retention_time_ms", &offset_commit_request::retention_time_ms, between(2, 4)),
            field("topics", &offset_commit_request::topics)
        );
    }
    bool operator==(const offset_commit_request&) const = default;
};

struct offset_commit_response {
    using api = offset_commit_api;

    struct partition {
        std::int32_t index = 0;
        error_code error = error_code::none;

        static constexpr auto fields() {
            return table(field("index", &partition::index), field("error", &partition::error));
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
            field("throttle_time_ms", &offset_commit_response::throttle_time_ms, since(3)),
            field("topics", &offset_commit_response::topics)
        );
    }
    bool operator==(const offset_commit_response&) const = default;
};

struct offset_commit_api {
    static constexpr api_key key = api_key::offset_commit;
    static constexpr const char* name = "OffsetCommit";
    static constexpr version_range versions{2, 8};
    static constexpr std::int16_t flexible_from = 8;
    using request = offset_commit_request;
    using response = offset_commit_response;
};

} // namespace outbox::wire
