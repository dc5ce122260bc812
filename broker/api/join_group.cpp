#include "broker/api/handle.hpp"

namespace outbox::broker {

void handle_join_group(core& broker, call<wire::join_group_api> request) {
    broker.groups.join(std::move(request));
}

} // namespace outbox::broker
