#pragma once
// DeleteGroups: groups without members go, and their offsets with them.

#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace outbox::wire {

struct delete_groups_api;

struct delete_groups_request {
    using api = delete_groups_api;

    std::vector<std::string> groups{};

    static constexpr auto fields() {
        return table(field("groups", &delete_groups_request::groups));
    }
    bool operator==(const delete_groups_request&) const = default;
};

struct delete_groups_response {
    using api = delete_groups_api;

    struct result {
        std::string group_id{};
        error_code error = error_code::none;

        static constexpr auto fields() {
            return table(field("group_id", &result::group_id), field("error", &result::error));
        }
        bool operator==(const result&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<result> results{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &delete_groups_response::throttle_time_ms),
            field("results", &delete_groups_response::results)
        );
    }
    bool operator==(const delete_groups_response&) const = default;
};

struct delete_groups_api {
    static constexpr api_key key = api_key::delete_groups;
    static constexpr const char* name = "DeleteGroups";
    static constexpr version_range versions{0, 2};
    static constexpr std::int16_t flexible_from = 2;
    using request = delete_groups_request;
    using response = delete_groups_response;
};

} // namespace outbox::wire
