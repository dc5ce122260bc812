#pragma once
// Produce: one record batch per partition. Versions 0 to 2 carry message sets of the old format:
// they are announced, because librdkafka 2.0 switches its codecs on only then, and answered with
// UNSUPPORTED_VERSION in their own layout.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct produce_api;

struct produce_request {
    using api = produce_api;

    struct partition {
        std::int32_t index = 0;
        std::optional<bytes_view> records{};

        static constexpr auto fields() {
            return table(field("index", &partition::index), field("records", &partition::records));
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

    std::optional<std::string> transactional_id{};
    std::int16_t acks = 0;
    std::int32_t timeout_ms = 0;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("transactional_id", &produce_request::transactional_id, since(3)),
            field("acks", &produce_request::acks),
            field("timeout_ms", &produce_request::timeout_ms),
            field("topics", &produce_request::topics)
        );
    }
    bool operator==(const produce_request&) const = default;
};

struct produce_response {
    using api = produce_api;

    struct record_error {
        std::int32_t batch_index = 0;
        std::optional<std::string> message{};

        static constexpr auto fields() {
            return table(
                field("batch_index", &record_error::batch_index),
                field("message", &record_error::message)
            );
        }
        bool operator==(const record_error&) const = default;
    };

    struct partition {
        std::int32_t index = 0;
        error_code error = error_code::none;
        std::int64_t base_offset = -1;
        std::int64_t log_append_time_ms = -1;
        std::int64_t log_start_offset = -1;
        std::vector<record_error> record_errors{};
        std::optional<std::string> error_message{};

        static constexpr auto fields() {
            return table(
                field("index", &partition::index),
                field("error", &partition::error),
                field("base_offset", &partition::base_offset),
                field("log_append_time_ms", &partition::log_append_time_ms, since(2)),
                field("log_start_offset", &partition::log_start_offset, since(5)),
                field("record_errors", &partition::record_errors, since(8)),
                field("error_message", &partition::error_message, since(8))
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

    std::vector<topic> topics{};
    std::int32_t throttle_time_ms = 0;

    static constexpr auto fields() {
        return table(
            field("topics", &produce_response::topics),
            field("throttle_time_ms", &produce_response::throttle_time_ms, since(1))
        );
    }
    bool operator==(const produce_response&) const = default;
};

struct produce_api {
    static constexpr api_key key = api_key::produce;
    static constexpr const char* name = "Produce";
    static constexpr version_range versions{0, 8};
    static constexpr std::int16_t flexible_from = 9;
    using request = produce_request;
    using response = produce_response;
};

} // namespace outbox::wire
