#pragma once
// FindCoordinator: which broker leads a group or a transaction; from v4 on several at once.

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
    std::vector<std::string> keys{};

    static constexpr auto fields() {
        return table(
            field("key", &find_coordinator_request::key, between(0, 3)),
            field("key_type", &find_coordinator_request::key_type, since(1)),
            field("keys", &find_coordinator_request::keys, since(4))
        );
    }
    bool operator==(const find_coordinator_request&) const = default;
};

struct find_coordinator_response {
    using api = find_coordinator_api;

    struct coordinator {
        std::string key{};
        std::int32_t node_id = -1;
        std::string host{};
        std::int32_t port = -1;
        error_code error = error_code::none;
        std::optional<std::string> error_message{};

        static constexpr auto fields() {
            return table(
                field("key", &coordinator::key),
                field("node_id", &coordinator::node_id),
                field("host", &coordinator::host),
                field("port", &coordinator::port),
                field("error", &coordinator::error),
                field("error_message", &coordinator::error_message)
            );
        }
        bool operator==(const coordinator&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::optional<std::string> error_message{};
    std::int32_t node_id = -1;
    std::string host{};
    std::int32_t port = -1;
    std::vector<coordinator> coordinators{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &find_coordinator_response::throttle_time_ms, since(1)),
            field("error", &find_coordinator_response::error, between(0, 3)),
            field("error_message", &find_coordinator_response::error_message, between(1, 3)),
            field("node_id", &find_coordinator_response::node_id, between(0, 3)),
            field("host", &find_coordinator_response::host, between(0, 3)),
            field("port", &find_coordinator_response::port, between(0, 3)),
            field("coordinators", &find_coordinator_response::coordinators, since(4))
        );
    }
    bool operator==(const find_coordinator_response&) const = default;
};

struct find_coordinator_api {
    static constexpr api_key key = api_key::find_coordinator;
    static constexpr const char* name = "FindCoordinator";
    static constexpr version_range versions{0, 4};
    static constexpr std::int16_t flexible_from = 3;
    using request = find_coordinator_request;
    using response = find_coordinator_response;
};

} // namespace outbox::wire
