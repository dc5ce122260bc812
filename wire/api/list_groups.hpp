#pragma once
// ListGroups: the groups that this broker coordinates.

#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace outbox::wire {

struct list_groups_api;

struct list_groups_request {
    using api = list_groups_api;

    /// Empty: groups in every state.
    std::vector<std::string> states_filter{};
    /// Empty: groups of every type.
    std::vector<std::string> types_filter{};

    static constexpr auto fields() {
        return table(
            field("states_filter", &list_groups_request::states_filter, since(4)),
            field("types_filter", &list_groups_request::types_filter, since(5))
        );
    }
    bool operator==(const list_groups_request&) const = default;
};

struct list_groups_response {
    using api = list_groups_api;

    struct group {
        std::string group_id{};
        std::string protocol_type{};
        std::string state{};
        std::string type{};

        static constexpr auto fields() {
            return table(
                field("group_id", &group::group_id),
                field("protocol_type", &group::protocol_type),
                field("state", &group::state, since(4)),
                field("type", &group::type, since(5))
            );
        }
        bool operator==(const group&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::vector<group> groups{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &list_groups_response::throttle_time_ms, since(1)),
            field("error", &list_groups_response::error),
            field("groups", &list_groups_response::groups)
        );
    }
    bool operator==(const list_groups_response&) const = default;
};

struct list_groups_api {
    static constexpr api_key key = api_key::list_groups;
    static constexpr const char* name = "ListGroups";
    static constexpr version_range versions{0, 5};
    static constexpr std::int16_t flexible_from = 3;
    /// librdkafka before 2.1 ends its request with the empty tagged fields twice; Kafka does not
    /// look.
    static constexpr bool may_have_bytes_behind = true;
    using request = list_groups_request;
    using response = list_groups_response;
};

} // namespace outbox::wire
