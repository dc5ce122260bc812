#pragma once
// ApiVersions: what a client asks first. Its answer always has response header v0, and an unknown
// version of it is answered in the layout of v0 with UNSUPPORTED_VERSION and the list, so that the
// client can try again.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct api_versions_api;

struct api_versions_request {
    using api = api_versions_api;

    std::string client_software_name{};
    std::string client_software_version{};

    static constexpr auto fields() {
        return table(
            field("client_software_name", &api_versions_request::client_software_name, since(3)),
            field(
                "client_software_version",
                &api_versions_request::client_software_version,
                since(3)
            )
        );
    }
    bool operator==(const api_versions_request&) const = default;
};

struct api_versions_response {
    using api = api_versions_api;

    struct api_version {
        std::int16_t api_key = 0;
        std::int16_t min_version = 0;
        std::int16_t max_version = 0;

        static constexpr auto fields() {
            return table(
                field("api_key", &api_version::api_key),
                field("min_version", &api_version::min_version),
                field("max_version", &api_version::max_version)
            );
        }
        bool operator==(const api_version&) const = default;
    };

    error_code error = error_code::none;
    std::vector<api_version> api_keys{};
    std::int32_t throttle_time_ms = 0;

    static constexpr auto fields() {
        return table(
            field("error", &api_versions_response::error),
            field("api_keys", &api_versions_response::api_keys),
            field("throttle_time_ms", &api_versions_response::throttle_time_ms, since(1))
        );
    }
    bool operator==(const api_versions_response&) const = default;
};

struct api_versions_api {
    static constexpr api_key key = api_key::api_versions;
    static constexpr const char* name = "ApiVersions";
    static constexpr version_range versions{0, 4};
    static constexpr std::int16_t flexible_from = 3;
    using request = api_versions_request;
    using response = api_versions_response;
};

} // namespace outbox::wire
