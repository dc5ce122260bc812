#include "broker/api/handle.hpp"

namespace outbox::broker {

void handle_heartbeat(core& broker, call<wire::heartbeat_api> request) {
    const auto& asked = request.request();
    wire::error_code why = broker.groups.refusal(asked.group_id);
    if (why == wire::error_code::none)
        why = broker.groups.machine().heartbeat(
            broker.groups.now(),
            asked.group_id,
            {asked.member_id, asked.group_instance_id},
            asked.generation_id
        );
    request.answer({.error = why});
}

} // namespace outbox::broker
