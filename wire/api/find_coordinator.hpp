#pragma once
// FindCoordinator: which broker leads a group or a transaction.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct find_coordinator_api;

struct find_coordinator_request {
    using api = find_coordinator_api;

    std::string key{};
    std::int8_t key_type = 0;

    static constexpr auto fields() {
        return table(
            field("key", &find_coordinator_request::key),
            field("key_type", &find_coordinator_request::key_type, since(1))
        );
    }
    bool operator==(const find_coordinator_request&) const = default;
};

struct find_coordinator_response {
    using api = find_coordinator_api;

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::optional<std::string> error_message{};
    std::int32_t node_id = -1;
    std::string host{};
    std::int32_t port = -1;

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &find_coordinator_response::throttle_time_ms, since(1)),
            field("error", &find_coordinator_response::error),
            field("error_message", &find_coordinator_response::error_message, since(1)),
            field("node_id", &find_coordinator_response::node_id),
            field("host", &find_coordinator_response::host),
            field("port", &find_coordinator_response::port)
        );
    }
    bool operator==(const find_coordinator_response&) const = default;
};

struct find_coordinator_api {
    static constexpr api_key key = api_key::find_coordinator;
    static constexpr const char* name = "FindCoordinator";
    static constexpr version_range versions{0, 2};
    static constexpr std::int16_t flexible_from = 3;
    using request = find_coordinator_request;
    using response = find_coordinator_response;
};

} // namespace outbox::wire
