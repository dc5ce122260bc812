#include "broker/api/handle.hpp"
#include "broker/api/log_error.hpp"
#include "outbox/base/log.hpp"

#include <memory>
#include <set>

namespace outbox::broker {

void handle_delete_topics(core& broker, call<wire::delete_topics_api> request) {
    auto shared = std::make_shared<call<wire::delete_topics_api>>(std::move(request));
    broker.loop.offload([&broker, shared] {
        wire::delete_topics_response response;
        std::set<std::string_view> seen;
        for (const std::string& name : shared->request().topic_names) {
            if (!seen.insert(name).second)
                continue;
            auto& row = response.topics.emplace_back();
            row.name = name;
            if (is_internal_topic(name)) {
                row.error = wire::error_code::invalid_topic_exception;
                row.error_message = "the broker keeps the offsets of its groups here";
                continue;
            }
            const std::error_code ec = broker.logs.delete_topic(name);
            row.error = to_error_code(ec);
            if (ec)
                row.error_message = ec.message();
            else
                log(log_level::info, "broker", "topic '" + name + "' deleted");
        }
        broker.loop.post([&broker, shared, response = std::move(response)] {
            for (const auto& row : response.topics)
                broker.forget_topic(row.name);
            broker.groups.topic_deleted();
            shared->answer(response);
        });
    });
}

} // namespace outbox::broker
