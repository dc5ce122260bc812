#pragma once
// JoinGroup: a consumer asks to be a member of its group's next generation. Answered when everybody
// has come, or has had the time to.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct join_group_api;

struct join_group_request {
    using api = join_group_api;

    struct protocol {
        std::string name{};
        bytes_view metadata{};

        static constexpr auto fields() {
            return table(field("name", &protocol::name), field("metadata", &protocol::metadata));
        }
        bool operator==(const protocol&) const = default;
    };

    std::string group_id{};
    std::int32_t session_timeout_ms = 0;
    std::int32_t rebalance_timeout_ms = -1;
    std::string member_id{};
    std::optional<std::string> group_instance_id{};
    std::string protocol_type{};
    std::vector<protocol> protocols{};
    std::optional<std::string> reason{};

    static constexpr auto fields() {
        return table(
            field("group_id", &join_group_request::group_id),
            field("session_timeout_ms", &join_group_request::session_timeout_ms),
            field("rebalance_timeout_ms", &join_group_request::rebalance_timeout_ms, since(1)),
            field("member_id", &join_group_request::member_id),
            field("group_instance_id", &join_group_request::group_instance_id, since(5)),
            field("protocol_type", &join_group_request::protocol_type),
            field("protocols", &join_group_request::protocols),
            field("reason", &join_group_request::reason, since(8))
        );
    }
    bool operator==(const join_group_request&) const = default;
};

struct join_group_response {
    using api = join_group_api;

    struct member {
        std::string member_id{};
        std::optional<std::string> group_instance_id{};
        bytes_view metadata{};

        static constexpr auto fields() {
            return table(
                field("member_id", &member::member_id),
                field("group_instance_id", &member::group_instance_id, since(5)),
                field("metadata", &member::metadata)
            );
        }
        bool operator==(const member&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::int32_t generation_id = -1;
    std::optional<std::string> protocol_type{};
    /// Null only from v7 on: older clients cannot read a null here.
    std::optional<std::string> protocol_name = "";
    std::string leader{};
    bool skip_assignment = false;
    std::string member_id{};
    /// For the leader; empty for everybody else.
    std::vector<member> members{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &join_group_response::throttle_time_ms, since(2)),
            field("error", &join_group_response::error),
            field("generation_id", &join_group_response::generation_id),
            field("protocol_type", &join_group_response::protocol_type, since(7)),
            field("protocol_name", &join_group_response::protocol_name),
            field("leader", &join_group_response::leader),
            field("skip_assignment", &join_group_response::skip_assignment, since(9)),
            field("member_id", &join_group_response::member_id),
            field("members", &join_group_response::members)
        );
    }
    bool operator==(const join_group_response&) const = default;
};

struct join_group_api {
    static constexpr api_key key = api_key::join_group;
    static constexpr const char* name = "JoinGroup";
    static constexpr version_range versions{0, 9};
    static constexpr std::int16_t flexible_from = 6;
    using request = join_group_request;
    using response = join_group_response;
};

} // namespace outbox::wire
