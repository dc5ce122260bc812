#pragma once
// Metadata: brokers, topics, partitions and their leaders. With `allow_auto_topic_creation` (always
// so before v4) asking for a topic makes it. Versions from 10 on speak of topic ids, which this
// project does not have yet.

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

struct metadata_api;

struct metadata_request {
    using api = metadata_api;

    struct topic {
        std::string name{};

        static constexpr auto fields() { return table(field("name", &topic::name)); }
        bool operator==(const topic&) const = default;
    };

    std::optional<std::vector<topic>> topics{};
    bool allow_auto_topic_creation = true;
    bool include_cluster_authorized_operations = false;
    bool include_topic_authorized_operations = false;

    static constexpr auto fields() {
        return table(
            field("topics", &metadata_request::topics),
            field(
                "allow_auto_topic_creation",
                &metadata_request::allow_auto_topic_creation,
                since(4)
            ),
            field(
                "include_cluster_authorized_operations",
                &metadata_request::include_cluster_authorized_operations,
                since(8)
            ),
            field(
                "include_topic_authorized_operations",
                &metadata_request::include_topic_authorized_operations,
                since(8)
            )
        );
    }
    bool operator==(const metadata_request&) const = default;
};

struct metadata_response {
    using api = metadata_api;

    struct broker {
        std::int32_t node_id = 0;
        std::string host{};
        std::int32_t port = 0;
        std::optional<std::string> rack{};

        static constexpr auto fields() {
            return table(
                field("node_id", &broker::node_id),
                field("host", &broker::host),
                field("port", &broker::port),
                field("rack", &broker::rack, since(1))
            );
        }
        bool operator==(const broker&) const = default;
    };

    struct partition {
        error_code error = error_code::none;
        std::int32_t index = 0;
        std::int32_t leader_id = 0;
        std::int32_t leader_epoch = -1;
        std::vector<std::int32_t> replica_nodes{};
        std::vector<std::int32_t> isr_nodes{};
        std::vector<std::int32_t> offline_replicas{};

        static constexpr auto fields() {
            return table(
                field("error", &partition::error),
                field("index", &partition::index),
                field("leader_id", &partition::leader_id),
                field("leader_epoch", &partition::leader_epoch, since(7)),
                field("replica_nodes", &partition::replica_nodes),
                field("isr_nodes", &partition::isr_nodes),
                field("offline_replicas", &partition::offline_replicas, since(5))
            );
        }
        bool operator==(const partition&) const = default;
    };

    struct topic {
        error_code error = error_code::none;
        std::string name{};
        bool is_internal = false;
        std::vector<partition> partitions{};
        std::int32_t authorized_operations = std::numeric_limits<std::int32_t>::min();

        static constexpr auto fields() {
            return table(
                field("error", &topic::error),
                field("name", &topic::name),
                field("is_internal", &topic::is_internal, since(1)),
                field("partitions", &topic::partitions),
                field("authorized_operations", &topic::authorized_operations, since(8))
            );
        }
        bool operator==(const topic&) const = default;
    };

    std::int32_t throttle_time_ms = 0;
    std::vector<broker> brokers{};
    std::optional<std::string> cluster_id{};
    std::int32_t controller_id = -1;
    std::vector<topic> topics{};
    std::int32_t cluster_authorized_operations = std::numeric_limits<std::int32_t>::min();

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &metadata_response::throttle_time_ms, since(3)),
            field("brokers", &metadata_response::brokers),
            field("cluster_id", &metadata_response::cluster_id, since(2)),
            field("controller_id", &metadata_response::controller_id, since(1)),
            field("topics", &metadata_response::topics),
            field(
                "cluster_authorized_operations",
                &metadata_response::cluster_authorized_operations,
                since(8)
            )
        );
    }
    bool operator==(const metadata_response&) const = default;
};

struct metadata_api {
    static constexpr api_key key = api_key::metadata;
    static constexpr const char* name = "Metadata";
    static constexpr version_range versions{0, 8};
    static constexpr std::int16_t flexible_from = 9;
    using request = metadata_request;
    using response = metadata_response;
};

} // namespace outbox::wire
