#pragma once
// CreateTopics. Version 7 returns topic ids, which have to come together with those of Metadata and
// Fetch: left out.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct create_topics_api;

struct create_topics_request {
    using api = create_topics_api;

    struct assignment {
        std::int32_t partition_index = 0;
        std::vector<std::int32_t> broker_ids{};

        static constexpr auto fields() {
            return table(
                field("partition_index", &assignment::partition_index),
                field("broker_ids", &assignment::broker_ids)
            );
        }
        bool operator==(const assignment&) const = default;
    };

    struct config {
        std::string name{};
        std::optional<std::string> value{};

        static constexpr auto fields() {
            return table(field("name", &config::name), field("value", &config::value));
        }
        bool operator==(const config&) const = default;
    };

    struct topic {
        std::string name{};
        std::int32_t num_partitions = 0;
        std::int16_t replication_factor = 0;
        std::vector<assignment> assignments{};
        std::vector<config> configs{};

        static constexpr auto fields() {
            return table(
                field("name", &topic::name),
                field("num_partitions", &topic::num_partitions),
                field("replication_factor", &topic::replication_factor),
                field("assignments", &topic::assignments),
                field("configs", &topic::configs)
            );
        }
        bool operator==(const topic&) const = default;
    };

    std::vector<topic> topics{};
    std::int32_t timeout_ms = 0;
    bool validate_only = false;

    static constexpr auto fields() {
        return table(
            field("topics", &create_topics_request::topics),
            field("timeout_ms", &create_topics_request::timeout_ms),
            field("validate_only", &create_topics_request::validate_only, since(1))
        );
    }
    bool operator==(const create_topics_request&) const = default;
};

struct create_topics_response {
    using api = create_topics_api;

    struct config {
        std::string name{};
        std::optional<std::string> value{};
        bool read_only = false;
        std::int8_t config_source = 0;
        bool is_sensitive = false;

        static constexpr auto fields() {
            return table(
                field("name", &config::name),
                field("value", &config::value),
                field("read_only", &config::read_only),
                field("config_source", &config::config_source),
                field("is_sensitive", &config::is_sensitive)
            );
        }
        bool operator==(const config&) const = default;
    };

    struct topic {
        std::string name{};
        error_code error = error_code::none;
        std::optional<std::string> error_message{};
        error_code topic_config_error = error_code::none;
        std::int32_t num_partitions = -1;
        std::int16_t replication_factor = -1;
        std::optional<std::vector<config>> configs{};

        static constexpr auto fields() {
            return table(
                field("name", &topic::name),
                field("error", &topic::error),
                field("error_message", &topic::error_message, since(1)),
                tagged(0, "topic_config_error", &topic::topic_config_error, since(5)),
                field("num_partitions", &topic::num_partitions, since(5)),
                field("replication_factor", &topic::replication_factor, since(5)),
                field("configs", &topic::configs, since(5))
            );
        }
        bool operator==(const topic&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &create_topics_response::throttle_time_ms, since(2)),
            field("topics", &create_topics_response::topics)
        );
    }
    bool operator==(const create_topics_response&) const = default;
};

struct create_topics_api {
    static constexpr api_key key = api_key::create_topics;
    static constexpr const char* name = "CreateTopics";
    static constexpr version_range versions{2, 6};
    static constexpr std::int16_t flexible_from = 5;
    using request = create_topics_request;
    using response = create_topics_response;
};

} // namespace outbox::wire
