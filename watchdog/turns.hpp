#pragma once
// Who may send next, where several relays share a target that takes only so many waves at once: the
// one of the highest priority, but nobody is passed over for ever. A decision without threads or a
// clock; turn_taking_target.hpp acts on it.
//
// A relay that has ended a wave comes back with the next one at once if it has a backlog. So that a
// lower one does not slip in between each time, a place that becomes free is kept for a moment for
// whoever stands as high as the one that left.

#include "outbox/base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace outbox::watchdog {

struct turn_rules {
    /// Waves that may be out at once.
    int at_once = 1;
    /// Who has been passed over so often is next, however low.
    int passed_over_max = 10;
    /// How long a place is kept.
    std::chrono::milliseconds kept_for{5};
};

class turns {
public:
    explicit turns(const turn_rules& rules) : rules_(rules) {}

    /// `who` has a wave to send. Precondition: it is neither waiting nor sending.
    void want(int who, int priority);

    struct answer {
        /// Sends from now on, until done().
        std::optional<int> next{};
        /// Nobody yet, but ask again then.
        std::optional<tick_point> ask_again{};
    };
    /// Of those that wait the highest; among equals who has waited longest. Nobody when no place is
    /// free.
    answer next(tick_point now);

    /// `who` sends no more, or does not want to any more. Harmless when it did neither.
    void done(int who, tick_point now);

    std::size_t waiting_count() const noexcept { return waiting_.size(); }

private:
    struct waiting {
        int who = 0;
        int priority = 0;
        int passed_over = 0;
    };
    struct sending {
        int who = 0;
        int priority = 0;
    };

    turn_rules rules_;
    /// In the order in which they came.
    std::vector<waiting> waiting_{};
    std::vector<sending> sending_{};
    int kept_priority_ = 0;
    tick_point kept_until_{};
};

} // namespace outbox::watchdog
