#include "broker/api/handle.hpp"

namespace outbox::broker {

void handle_leave_group(core& broker, call<wire::leave_group_api> request) {
    const auto& asked = request.request();
    wire::leave_group_response response{.error = broker.groups.refusal(asked.group_id)};
    coordinator_actions actions;
    const auto leave = [&](std::string_view id, const std::optional<std::string>& instance) {
        return broker.groups.machine()
            .leave(broker.groups.now(), asked.group_id, {id, instance}, actions);
    };
    constexpr std::int16_t several = 3;
    if (response.error == wire::error_code::none && request.version() < several)
        response.error = leave(asked.member_id, std::nullopt);
    else if (response.error == wire::error_code::none)
        for (const auto& m : asked.members)
            response.members.push_back(
                {m.member_id, m.group_instance_id, leave(m.member_id, m.group_instance_id)}
            );
    request.answer(response);
    broker.groups.run(std::move(actions));
}

} // namespace outbox::broker
