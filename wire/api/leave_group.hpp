#pragma once
// LeaveGroup: members that will not come back. From v3 on several at once, and static ones by their
// instance id alone.

#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct leave_group_api;

struct leave_group_request {
    using api = leave_group_api;

    struct member {
        std::string member_id{};
        std::optional<std::string> group_instance_id{};
        std::optional<std::string> reason{};

        static constexpr auto fields() {
            return table(
                field("member_id", &member::member_id),
                field("group_instance_id", &member::group_instance_id),
                field("reason", &member::reason, since(5))
            );
        }
        bool operator==(const member&) const = default;
    };

    std::string group_id{};
    std::string member_id{};
    std::vector<member> members{};

    static constexpr auto fields() {
        return table(
            field("group_id", &leave_group_request::group_id),
            field("member_id", &leave_group_request::member_id, between(0, 2)),
            field("members", &leave_group_request::members, since(3))
        );
    }
    bool operator==(const leave_group_request&) const = default;
};

struct leave_group_response {
    using api = leave_group_api;

    struct member {
        std::string member_id{};
        std::optional<std::string> group_instance_id{};
        error_code error = error_code::none;

        static constexpr auto fields() {
            return table(
                field("member_id", &member::member_id),
                field("group_instance_id", &member::group_instance_id),
                field("error", &member::error)
            );
        }
        bool operator==(const member&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::vector<member> members{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &leave_group_response::throttle_time_ms, since(1)),
            field("error", &leave_group_response::error),
            field("members", &leave_group_response::members, since(3))
        );
    }
    bool operator==(const leave_group_response&) const = default;
};

struct leave_group_api {
    static constexpr api_key key = api_key::leave_group;
    static constexpr const char* name = "LeaveGroup";
    static constexpr version_range versions{0, 5};
    static constexpr std::int16_t flexible_from = 4;
    using request = leave_group_request;
    using response = leave_group_response;
};

} // namespace outbox::wire
