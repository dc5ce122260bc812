#include "broker/api/wait_list.hpp"

#include <limits>
#include <utility>

namespace outbox::broker {

wait_list::wait_id
wait_list::add(owner_id owner, tick_point deadline, std::vector<subject> subjects) {
    const wait_id id = ++last_;
    for (const subject s : subjects)
        by_subject_[s].insert(id);
    by_deadline_.emplace(deadline, id);
    waits_.emplace(id, wait{owner, deadline, std::move(subjects)});
    return id;
}

void wait_list::remove(wait_id id) {
    const auto found = waits_.find(id);
    if (found == waits_.end())
        return;
    for (const subject s : found->second.subjects) {
        const auto waiting = by_subject_.find(s);
        if (waiting == by_subject_.end())
            continue; // named twice by the same wait
        waiting->second.erase(id);
        if (waiting->second.empty())
            by_subject_.erase(waiting);
    }
    by_deadline_.erase({found->second.deadline, id});
    waits_.erase(found);
}

std::vector<wait_list::wait_id> wait_list::moved(subject what) const {
    const auto found = by_subject_.find(what);
    if (found == by_subject_.end())
        return {};
    return {found->second.begin(), found->second.end()};
}

std::vector<wait_list::wait_id> wait_list::expired(tick_point now) const {
    std::vector<wait_id> out;
    const auto end = by_deadline_.upper_bound({now, std::numeric_limits<wait_id>::max()});
    for (auto it = by_deadline_.begin(); it != end; ++it)
        out.push_back(it->second);
    return out;
}

std::vector<wait_list::wait_id> wait_list::owned_by(owner_id owner) const {
    std::vector<wait_id> out;
    for (const auto& [id, w] : waits_)
        if (w.owner == owner)
            out.push_back(id);
    return out;
}

std::vector<wait_list::wait_id> wait_list::all() const {
    std::vector<wait_id> out;
    for (const auto& [id, w] : waits_)
        out.push_back(id);
    return out;
}

std::optional<tick_point> wait_list::next_deadline() const {
    if (by_deadline_.empty())
        return std::nullopt;
    return by_deadline_.begin()->first;
}

} // namespace outbox::broker
