#include "broker/api/core.hpp"

#include "broker/api/topic_settings.hpp"

#include <utility>

namespace outbox::broker {

std::int64_t core::message_bytes_max(const std::string& topic) {
    const auto known = message_bytes_max_.find(topic);
    if (known != message_bytes_max_.end())
        return known->second;
    std::int64_t value = options.message_bytes_max;
    const auto description = logs.find_topic(topic);
    if (!description)
        return value;
    const auto override = description->overrides.find(std::string(max_message_bytes_key));
    if (override != description->overrides.end())
        value = parse_integer(override->second).value_or(value);
    message_bytes_max_.emplace(topic, value);
    return value;
}

void core::wait(
    std::shared_ptr<waiting_request> request,
    std::uint64_t connection,
    tick_point deadline,
    std::vector<const void*> partitions
) {
    waiting_.emplace(waits_.add(connection, deadline, std::move(partitions)), std::move(request));
    loop.wake_at(deadline);
}

std::shared_ptr<waiting_request> core::take(wait_list::wait_id id) {
    waits_.remove(id);
    auto node = waiting_.extract(id);
    return node ? std::move(node.mapped()) : nullptr;
}

void core::progressed(const partition_log* partition) {
    for (const auto id : waits_.moved(partition)) {
        const auto request = waiting_.find(id);
        if (request != waiting_.end() && request->second->look_again())
            take(id);
    }
}

void core::expire_waits() {
    for (const auto id : waits_.expired(time.ticks()))
        if (const auto request = take(id))
            request->finish();
    if (const auto next = waits_.next_deadline())
        loop.wake_at(*next);
    groups.wake();
}

void core::connection_closed(std::uint64_t connection) {
    for (const auto id : waits_.owned_by(connection))
        take(id);
    groups.connection_closed(connection);
}

void core::finish_waits() {
    for (const auto id : waits_.all())
        if (const auto request = take(id))
            request->finish();
    groups.stop();
}

} // namespace outbox::broker
