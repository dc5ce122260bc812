#include "broker/api/handle.hpp"

#include <algorithm>
#include <cctype>

namespace outbox::broker {

namespace {

bool equal_but_for_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

/// An empty filter lets everything through.
bool passes(const std::vector<std::string>& filter, std::string_view value) {
    return filter.empty() || std::ranges::any_of(filter, [&](const std::string& wanted) {
               return equal_but_for_case(wanted, value);
           });
}

constexpr std::string_view group_type = "classic";

} // namespace

void handle_list_groups(core& broker, call<wire::list_groups_api> request) {
    const auto& asked = request.request();
    wire::list_groups_response response{.error = broker.groups.refusal("any")};
    if (response.error == wire::error_code::none && passes(asked.types_filter, group_type))
        for (const auto& [name, known] : broker.groups.machine().all()) {
            const char* state = to_string(known.membership.state());
            if (coordinator::exists(known) && passes(asked.states_filter, state))
                response.groups.push_back(
                    {name, known.membership.protocol_type(), state, std::string(group_type)}
                );
        }
    request.answer(response);
}

} // namespace outbox::broker
