#pragma once
// OffsetDelete: a group forgets how far it has got in some partitions.

#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace outbox::wire {

struct offset_delete_api;

struct offset_delete_request {
    using api = offset_delete_api;

    struct partition {
        std::int32_t index = 0;

        static constexpr auto fields() { return table(field("index", &partition::index)); }
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
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("group_id", &offset_delete_request::group_id),
            field("topics", &offset_delete_request::topics)
        );
    }
    bool operator==(const offset_delete_request&) const = default;
};

struct offset_delete_response {
    using api = offset_delete_api;

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

    error_code error = error_code::none;
    std::int32_t throttle_time_ms = 0;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("error", &offset_delete_response::error),
            field("throttle_time_ms", &offset_delete_response::throttle_time_ms),
            field("topics", &offset_delete_response::topics)
        );
    }
    bool operator==(const offset_delete_response&) const = default;
};

struct offset_delete_api {
    static constexpr api_key key = api_key::offset_delete;
    static constexpr const char* name = "OffsetDelete";
    static constexpr version_range versions{0, 0};
    static constexpr std::int16_t flexible_from = std::numeric_limits<std::int16_t>::max();
    using request = offset_delete_request;
    using response = offset_delete_response;
};

} // namespace outbox::wire
