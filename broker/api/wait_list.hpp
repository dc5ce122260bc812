#pragma once
// Who waits for what, and until when: the bookkeeping of long polls. A machine without clock or
// sockets. Whoever owns it tells it what moved and what time it is, and is told which waits to look
// at again.

#include "outbox/base/clock.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

namespace outbox::broker {

class wait_list {
public:
    using wait_id = std::uint64_t;
    using owner_id = std::uint64_t;
    /// What can move: the address of a partition, which the waiting side keeps alive.
    using subject = const void*;

    wait_id add(owner_id owner, tick_point deadline, std::vector<subject> subjects);

    /// Forgets a wait; one that is not there is no error.
    void remove(wait_id id);

    /// The waits on `what`, oldest first. They stay until removed.
    std::vector<wait_id> moved(subject what) const;
    /// The waits whose deadline is `now` or earlier.
    std::vector<wait_id> expired(tick_point now) const;
    /// The waits of one connection, which has gone.
    std::vector<wait_id> owned_by(owner_id owner) const;
    std::vector<wait_id> all() const;

    std::optional<tick_point> next_deadline() const;
    std::size_t size() const noexcept { return waits_.size(); }

private:
    struct wait {
        owner_id owner = 0;
        tick_point deadline;
        std::vector<subject> subjects;
    };

    std::map<wait_id, wait> waits_;
    std::unordered_map<subject, std::set<wait_id>> by_subject_;
    std::set<std::pair<tick_point, wait_id>> by_deadline_;
    wait_id last_ = 0;
};

} // namespace outbox::broker
