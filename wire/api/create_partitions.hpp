#pragma once
// CreatePartitions.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct create_partitions_api;

struct create_partitions_request {
    using api = create_partitions_api;

    /// Where one new partition is to be.
    struct assignment {
        std::vector<std::int32_t> broker_ids{};

        static constexpr auto fields() {
            return table(field("broker_ids", &assignment::broker_ids));
        }
        bool operator==(const assignment&) const = default;
    };

    struct topic {
        std::string name{};
        /// Of all, when it is done.
        std::int32_t count = 0;
        std::optional<std::vector<assignment>> assignments{};

        static constexpr auto fields() {
            return table(
                field("name", &topic::name),
                field("count", &topic::count),
                field("assignments", &topic::assignments)
            );
        }
        bool operator==(const topic&) const = default;
    };

    std::vector<topic> topics{};
    std::int32_t timeout_ms = 0;
    bool validate_only = false;

    static constexpr auto fields() {
        return table(
            field("topics", &create_partitions_request::topics),
            field("timeout_ms", &create_partitions_request::timeout_ms),
            field("validate_only", &create_partitions_request::validate_only)
        );
    }
    bool operator==(const create_partitions_request&) const = default;
};

struct create_partitions_response {
    using api = create_partitions_api;

    struct topic {
        std::string name{};
        error_code error = error_code::none;
        std::optional<std::string> error_message{};

        static constexpr auto fields() {
            return table(
                field("name", &topic::name),
                field("error", &topic::error),
                field("error_message", &topic::error_message)
            );
        }
        bool operator==(const topic&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &create_partitions_response::throttle_time_ms),
            field("topics", &create_partitions_response::topics)
        );
    }
    bool operator==(const create_partitions_response&) const = default;
};

struct create_partitions_api {
    static constexpr api_key key = api_key::create_partitions;
    static constexpr const char* name = "CreatePartitions";
    static constexpr version_range versions{0, 3};
    static constexpr std::int16_t flexible_from = 2;
    using request = create_partitions_request;
    using response = create_partitions_response;
};

} // namespace outbox::wire
