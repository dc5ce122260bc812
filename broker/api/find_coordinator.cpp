#include "broker/api/handle.hpp"

#include <set>
#include <string_view>

namespace outbox::broker {

namespace {

using answer_row = wire::find_coordinator_response::coordinator;
using wire::error_code;

constexpr std::int8_t key_of_group = 0;
constexpr std::int8_t key_of_transaction = 1;

/// One node, so it leads them all. Whether a group can be served is said by whoever serves it.
answer_row find(const core& broker, const std::string& key, std::int8_t type) {
    if (type == key_of_transaction)
        return {
            .key = key,
            .error = error_code::transactional_id_authorization_failed,
            .error_message = "this broker has no transactions"};
    if (type != key_of_group)
        return {
            .key = key,
            .error = error_code::invalid_request,
            .error_message = "this broker has no coordinator of this type"};
    return {
        .key = key,
        .node_id = broker.options.node_id,
        .host = broker.options.advertised_host,
        .port = broker.options.advertised_port};
}

} // namespace

void handle_find_coordinator(core& broker, call<wire::find_coordinator_api> request) {
    const auto& asked = request.request();
    wire::find_coordinator_response response;
    constexpr std::int16_t several = 4;
    if (request.version() >= several) {
        std::set<std::string_view> seen; // each is answered once
        for (const std::string& key : asked.keys)
            if (seen.insert(key).second)
                response.coordinators.push_back(find(broker, key, asked.key_type));
    } else {
        const answer_row row = find(broker, asked.key, asked.key_type);
        response.error = row.error;
        response.error_message = row.error_message;
        response.node_id = row.node_id;
        response.host = row.host;
        response.port = row.port;
    }
    request.answer(response);
}

} // namespace outbox::broker
