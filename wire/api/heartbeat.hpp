#pragma once
// Heartbeat: a member is alive, and wants to know whether its generation still is.

#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace outbox::wire {

struct heartbeat_api;

struct heartbeat_request {
    using api = heartbeat_api;

    std::string group_id{};
    std::int32_t generation_id = -1;
    std::string member_id{};
    std::optional<std::string> group_instance_id{};

    static constexpr auto fields() {
        return table(
            field("group_id", &heartbeat_request::group_id),
            field("generation_id", &heartbeat_request::generation_id),
            field("member_id", &heartbeat_request::member_id),
            field("group_instance_id", &heartbeat_request::group_instance_id, since(3))
        );
    }
    bool operator==(const heartbeat_request&) const = default;
};

struct heartbeat_response {
    using api = heartbeat_api;

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &heartbeat_response::throttle_time_ms, since(1)),
            field("error", &heartbeat_response::error)
        );
    }
    bool operator==(const heartbeat_response&) const = default;
};

struct heartbeat_api {
    static constexpr api_key key = api_key::heartbeat;
    static constexpr const char* name = "Heartbeat";
    static constexpr version_range versions{0, 4};
    static constexpr std::int16_t flexible_from = 4;
    using request = heartbeat_request;
    using response = heartbeat_response;
};

} // namespace outbox::wire
