#include "broker/api/handle.hpp"

#include <set>
#include <string_view>

namespace outbox::broker {

namespace {

/// READ, DELETE and DESCRIBE: without access control everybody may.
constexpr std::int32_t all_operations = 1 << 3 | 1 << 6 | 1 << 8;

wire::describe_groups_response::group
describe(const std::string& name, const coordinator::known_group* known) {
    if (known == nullptr || !coordinator::exists(*known))
        return {.group_id = name, .state = "Dead"};
    const group& membership = known->membership;
    const bool is_stable = membership.state() == group_state::stable;
    wire::describe_groups_response::group out{
        .group_id = name,
        .state = to_string(membership.state()),
        .protocol_type = membership.protocol_type(),
        .protocol_data = is_stable ? membership.protocol() : std::string()};
    for (const auto& [id, m] : membership.members())
        out.members.push_back(
            {.member_id = id,
             .group_instance_id = m.instance_id,
             .client_id = m.client_id,
             .client_host = m.client_host,
             .metadata = is_stable ? membership.chosen_metadata(m) : bytes_view(),
             .assigned = is_stable ? bytes_view(m.assigned) : bytes_view()}
        );
    return out;
}

} // namespace

void handle_describe_groups(core& broker, call<wire::describe_groups_api> request) {
    wire::describe_groups_response response;
    std::set<std::string_view> seen; // each is answered once: it may have a thousand members
    for (const std::string& name : request.request().groups) {
        if (!seen.insert(name).second)
            continue;
        const wire::error_code why = broker.groups.refusal(name);
        auto& row = response.groups.emplace_back(
            why == wire::error_code::none ? describe(name, broker.groups.machine().find(name))
                                          : wire::describe_groups_response::group{}
        );
        row.group_id = name;
        row.error = why;
        if (request.request().include_authorized_operations && why == wire::error_code::none)
            row.authorized_operations = all_operations;
    }
    request.answer(response);
}

} // namespace outbox::broker
