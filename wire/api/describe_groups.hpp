#pragma once
// DescribeGroups: who is in a group, and what each has been assigned.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct describe_groups_api;

struct describe_groups_request {
    using api = describe_groups_api;

    std::vector<std::string> groups{};
    bool include_authorized_operations = false;

    static constexpr auto fields() {
        return table(
            field("groups", &describe_groups_request::groups),
            field(
                "include_authorized_operations",
                &describe_groups_request::include_authorized_operations,
                since(3)
            )
        );
    }
    bool operator==(const describe_groups_request&) const = default;
};

struct describe_groups_response {
    using api = describe_groups_api;

    struct member {
        std::string member_id{};
        std::optional<std::string> group_instance_id{};
        std::string client_id{};
        std::string client_host{};
        bytes_view metadata{};
        bytes_view assigned{};

        static constexpr auto fields() {
            return table(
                field("member_id", &member::member_id),
                field("group_instance_id", &member::group_instance_id, since(4)),
                field("client_id", &member::client_id),
                field("client_host", &member::client_host),
                field("metadata", &member::metadata),
                field("assigned", &member::assigned)
            );
        }
        bool operator==(const member&) const = default;
    };

    struct group {
        error_code error = error_code::none;
        std::string group_id{};
        std::string state{};
        std::string protocol_type{};
        std::string protocol_data{};
        std::vector<member> members{};
        /// The smallest number: not told.
        std::int32_t authorized_operations = std::numeric_limits<std::int32_t>::min();

        static constexpr auto fields() {
            return table(
                field("error", &group::error),
                field("group_id", &group::group_id),
                field("state", &group::state),
                field("protocol_type", &group::protocol_type),
                field("protocol_data", &group::protocol_data),
                field("members", &group::members),
                field("authorized_operations", &group::authorized_operations, since(3))
            );
        }
        bool operator==(const group&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<group> groups{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &describe_groups_response::throttle_time_ms, since(1)),
            field("groups", &describe_groups_response::groups)
        );
    }
    bool operator==(const describe_groups_response&) const = default;
};

struct describe_groups_api {
    static constexpr api_key key = api_key::describe_groups;
    static constexpr const char* name = "DescribeGroups";
    static constexpr version_range versions{0, 5};
    static constexpr std::int16_t flexible_from = 5;
    using request = describe_groups_request;
    using response = describe_groups_response;
};

} // namespace outbox::wire
