#pragma once
// DeleteTopics. Version 6 names topics by id as well: left out.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct delete_topics_api;

struct delete_topics_request {
    using api = delete_topics_api;

    std::vector<std::string> topic_names{};
    std::int32_t timeout_ms = 0;

    static constexpr auto fields() {
        return table(
            field("topic_names", &delete_topics_request::topic_names),
            field("timeout_ms", &delete_topics_request::timeout_ms)
        );
    }
    bool operator==(const delete_topics_request&) const = default;
};

struct delete_topics_response {
    using api = delete_topics_api;

    struct topic {
        std::string name{};
        error_code error = error_code::none;
        std::optional<std::string> error_message{};

        static constexpr auto fields() {
            return table(
                field("name", &topic::name),
                field("error", &topic::error),
                field("error_message", &topic::error_message, since(5))
            );
        }
        bool operator==(const topic&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<topic> topics{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &delete_topics_response::throttle_time_ms, since(1)),
            field("topics", &delete_topics_response::topics)
        );
    }
    bool operator==(const delete_topics_response&) const = default;
};

struct delete_topics_api {
    static constexpr api_key key = api_key::delete_topics;
    static constexpr const char* name = "DeleteTopics";
    static constexpr version_range versions{1, 5};
    static constexpr std::int16_t flexible_from = 4;
    using request = delete_topics_request;
    using response = delete_topics_response;
};

} // namespace outbox::wire
