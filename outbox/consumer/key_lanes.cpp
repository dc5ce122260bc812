#include "outbox/consumer/key_lanes.hpp"

#include <algorithm>

namespace outbox {

void key_lanes::add(lane id, ticket t, origin from) {
    auto& of = lanes_[id];
    (from == origin::parking ? of.parked : of.direct).push_back(t);
}

void key_lanes::remove(lane id, ticket t) {
    auto& of = lanes_.at(id);
    for (auto* const each : {&of.parked, &of.direct}) {
        const auto found = std::find(each->begin(), each->end(), t);
        if (found != each->end()) {
            each->erase(found);
            break;
        }
    }
    if (of.active == t)
        of.active.reset();
    erase_if_empty(id);
}

bool key_lanes::is_active(lane id, ticket t) const {
    const auto found = lanes_.find(id);
    return found != lanes_.end() && found->second.active == t;
}

std::optional<key_lanes::ticket> key_lanes::next(lane id) const {
    const auto found = lanes_.find(id);
    if (found == lanes_.end() || found->second.active)
        return std::nullopt;
    const auto& of = found->second;
    if (!of.parked.empty())
        return of.parked.front();
    if (of.is_parked() || of.direct.empty())
        return std::nullopt;
    return of.direct.front();
}

std::optional<key_lanes::ticket> key_lanes::follower(lane id) const {
    const auto found = lanes_.find(id);
    if (found == lanes_.end())
        return std::nullopt;
    const auto& of = found->second;
    if (!of.is_parked() || of.direct.empty() || of.direct.front() == of.active)
        return std::nullopt;
    return of.direct.front();
}

void key_lanes::came_back(lane id, std::int64_t offset) {
    if (const auto found = lanes_.find(id); found != lanes_.end()) {
        found->second.awaited.erase(offset);
        erase_if_empty(id);
    }
}

void key_lanes::erase_if_empty(lane id) {
    const auto found = lanes_.find(id);
    if (found != lanes_.end() && !found->second.is_parked() && found->second.direct.empty() &&
        !found->second.active)
        lanes_.erase(found);
}

} // namespace outbox
