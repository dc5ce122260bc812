#include "broker/api/handle.hpp"
#include "outbox/base/log.hpp"

#include <memory>
#include <set>
#include <string_view>

namespace outbox::broker {

namespace {

using request_call = call<wire::delete_groups_api>;
using wire::error_code;

struct deletion {
    explicit deletion(request_call r) : request(std::move(r)) {}

    request_call request;
    wire::delete_groups_response response;
};

std::vector<state_change> decide(core& broker, deletion& work) {
    std::vector<state_change> changes;
    std::set<std::string_view> seen; // each is deleted once: it may have any number of offsets
    for (const std::string& group : work.request.request().groups) {
        if (!seen.insert(group).second)
            continue;
        error_code why = broker.groups.refusal(group);
        if (why == error_code::none)
            why = broker.groups.machine().remove_group(group, changes);
        work.response.results.push_back({group, why});
    }
    return changes;
}

} // namespace

void handle_delete_groups(core& broker, request_call request) {
    auto work = std::make_shared<deletion>(std::move(request));
    broker.groups.changes().write_when_quiet(
        [&broker, work] { return decide(broker, *work); },
        [work](std::error_code ec) {
            for (auto& row : work->response.results) {
                if (row.error != error_code::none)
                    continue;
                if (ec)
                    row.error = error_code::coordinator_not_available;
                else
                    log(log_level::info, "broker", "group '" + row.group_id + "' deleted");
            }
            work->request.answer(work->response);
        }
    );
}

} // namespace outbox::broker
