#pragma once
// DescribeConfigs: every configuration key of a topic or of the broker, with its value and where it
// comes from.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct describe_configs_api;

struct describe_configs_request {
    using api = describe_configs_api;

    struct resource {
        std::int8_t type = 0;
        std::string name{};
        std::optional<std::vector<std::string>> keys{};

        static constexpr auto fields() {
            return table(
                field("type", &resource::type),
                field("name", &resource::name),
                field("keys", &resource::keys)
            );
        }
        bool operator==(const resource&) const = default;
    };

    std::vector<resource> resources{};
    bool include_synonyms = false;
    bool include_documentation = false;

    static constexpr auto fields() {
        return table(
            field("resources", &describe_configs_request::resources),
            field("include_synonyms", &describe_configs_request::include_synonyms, since(1)),
            field(
                "include_documentation",
                &describe_configs_request::include_documentation,
                since(3)
            )
        );
    }
    bool operator==(const describe_configs_request&) const = default;
};

struct describe_configs_response {
    using api = describe_configs_api;

    struct synonym {
        std::string name{};
        std::optional<std::string> value{};
        std::int8_t source = 0;

        static constexpr auto fields() {
            return table(
                field("name", &synonym::name),
                field("value", &synonym::value),
                field("source", &synonym::source)
            );
        }
        bool operator==(const synonym&) const = default;
    };

    struct config {
        std::string name{};
        std::optional<std::string> value{};
        bool read_only = false;
        std::int8_t source = -1;
        bool is_sensitive = false;
        std::vector<synonym> synonyms{};
        std::int8_t type = 0;
        std::optional<std::string> documentation{};

        static constexpr auto fields() {
            return table(
                field("name", &config::name),
                field("value", &config::value),
                field("read_only", &config::read_only),
                field("source", &config::source, since(1)),
                field("is_sensitive", &config::is_sensitive),
                field("synonyms", &config::synonyms, since(1)),
                field("type", &config::type, since(3)),
                field("documentation", &config::documentation, since(3))
            );
        }
        bool operator==(const config&) const = default;
    };

    struct result {
        error_code error = error_code::none;
        std::optional<std::string> error_message{};
        std::int8_t type = 0;
        std::string name{};
        std::vector<config> configs{};

        static constexpr auto fields() {
            return table(
                field("error", &result::error),
                field("error_message", &result::error_message),
                field("type", &result::type),
                field("name", &result::name),
                field("configs", &result::configs)
            );
        }
        bool operator==(const result&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<result> results{};

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &describe_configs_response::throttle_time_ms),
            field("results", &describe_configs_response::results)
        );
    }
    bool operator==(const describe_configs_response&) const = default;
};

struct describe_configs_api {
    static constexpr api_key key = api_key::describe_configs;
    static constexpr const char* name = "DescribeConfigs";
    static constexpr version_range versions{1, 4};
    static constexpr std::int16_t flexible_from = 4;
    using request = describe_configs_request;
    using response = describe_configs_response;
};

} // namespace outbox::wire
