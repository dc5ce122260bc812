#pragma once
// InitProducerId: the identity under which a producer numbers its batches, so that a retry is
// recognised.

#include "outbox/base/bytes.hpp"
#include "wire/api_key.hpp"
#include "wire/error_code.hpp"
#include "wire/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outbox::wire {

struct init_producer_id_api;

struct init_producer_id_request {
    using api = init_producer_id_api;

    std::optional<std::string> transactional_id{};
    std::int32_t transaction_timeout_ms = 0;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;

    static constexpr auto fields() {
        return table(
            field("transactional_id", &init_producer_id_request::transactional_id),
            field("transaction_timeout_ms", &init_producer_id_request::transaction_timeout_ms),
            field("producer_id", &init_producer_id_request::producer_id, since(3)),
            field("producer_epoch", &init_producer_id_request::producer_epoch, since(3))
        );
    }
    bool operator==(const init_producer_id_request&) const = default;
};

struct init_producer_id_response {
    using api = init_producer_id_api;

    std::int32_t throttle_time_ms = 0;
    error_code error = error_code::none;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;

    static constexpr auto fields() {
        return table(
            field("throttle_time_ms", &init_producer_id_response::throttle_time_ms),
            field("error", &init_producer_id_response::error),
            field("producer_id", &init_producer_id_response::producer_id),
            field("producer_epoch", &init_producer_id_response::producer_epoch)
        );
    }
    bool operator==(const init_producer_id_response&) const = default;
};

struct init_producer_id_api {
    static constexpr api_key key = api_key::init_producer_id;
    static constexpr const char* name = "InitProducerId";
    static constexpr version_range versions{0, 4};
    static constexpr std::int16_t flexible_from = 2;
    using request = init_producer_id_request;
    using response = init_producer_id_response;
};

} // namespace outbox::wire
