#include "broker/api/handle.hpp"

namespace outbox::broker {

void handle_sync_group(core& broker, call<wire::sync_group_api> request) {
    broker.groups.sync(std::move(request));
}

} // namespace outbox::broker
