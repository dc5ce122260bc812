#pragma once
// SyncGroup: the leader hands out the assignments of a generation, every member picks up its own.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct sync_group_api;

struct sync_group_request {
    using api = sync_group_api;

    struct assignment {
        std::string member_id{};
        bytes_view assigned{};

        static constexpr auto fields() {
            return table(
                field("member_id", &assignment::member_id),
                field("assigned", &assignment::assigned)
            );
        }
        bool operator==(const assignment&) const = default;
    };

    std::string group_id{};
    std::int32_t generation_id = -1;
    std::string member_id{};
    std::optional<std::string> group_instance_id{};
    std::optional<std::string> protocol_type{};
    std::optional<std::string> protocol_name{};
    std::vector<assignment> assignments{};

    static constexpr auto fields() {
        return table(
            field("group_id", &sync_group_request::group_id),
            field("generation_id", &sync_group_request::generation_id),
            field("member_id", &sync_group_request::member_id),
            field("group_instance_id", &sync_group_request::group_instance_id, since(3)),
            field("protocol_type", &sync_group_request::protocol_type, since(5)),
            field("protocol_name", &sync_group_request::protocol_name, since(5)),
            field("assignments", &sync_group_request::assignments)
        );
    }
    bool operator==(const sync_group_request&) const = default;
};

struct sync_group_response {
    using api = sync_group_api;

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::optional<std::string> protocol_type{};
    std::optional<std::string> protocol_name{};
    bytes_view assigned{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &sync_group_response::throttle_time_ms, since(1)),
            field("error", &sync_group_response::error),
            field("protocol_type", &sync_group_response::protocol_type, since(5)),
            field("protocol_name", &sync_group_response::protocol_name, since(5)),
            field("assigned", &sync_group_response::assigned)
        );
    }
    bool operator==(const sync_group_response&) const = default;
};

struct sync_group_api {
    static constexpr api_key key = api_key::sync_group;
    static constexpr const char* name = "SyncGroup";
    static constexpr version_range versions{0, 5};
    static constexpr std::int16_t flexible_from = 4;
    using request = sync_group_request;
    using response = sync_group_response;
};

} // namespace outbox::wire
