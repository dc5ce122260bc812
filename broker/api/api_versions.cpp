#include "broker/api/handle.hpp"
#include "broker/api/handlers.hpp"

namespace outbox::broker {

void handle_api_versions(core&, call<wire::api_versions_api> request) {
    wire::api_versions_response response;
    for (const api_entry& e : api_entries())
        response.api_keys.push_back(
            {static_cast<std::int16_t>(e.key), e.versions.min, e.versions.max}
        );
    request.answer(response);
}

} // namespace outbox::broker
