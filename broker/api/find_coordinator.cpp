#include "broker/api/handle.hpp"

namespace outbox::broker {

// Groups and transactions do not exist here yet. The API is announced all the same, because
// librdkafka 2.0 compresses with lz4 only for brokers that have it; COORDINATOR_NOT_AVAILABLE lets
// a consumer that only assigns partitions work on.
void handle_find_coordinator(core&, call<wire::find_coordinator_api> request) {
    constexpr std::int8_t transaction = 1;
    wire::find_coordinator_response response;
    if (request.request().key_type == transaction) {
        response.error = wire::error_code::transactional_id_authorization_failed;
        response.error_message = "this broker has no transactions";
    } else {
        response.error = wire::error_code::coordinator_not_available;
        response.error_message =
            "this broker has no consumer groups yet; assign partitions instead";
    }
    request.answer(response);
}

} // namespace outbox::broker
