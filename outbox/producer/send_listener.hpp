#pragma once
// How a sender hears what became of a message.
//
//   out.send(m, {.on_failed = [](const outbox::delivery_report& r) { warn(r.id, r.error); }});
//
// Of the two functions one is called, once, for each message: on_delivered for `delivered`,
// on_failed for everything else. `left_to_watchdog` is among the latter and is no loss: the row is
// committed and a relay delivers it later; there is nothing to resend.
//
// Never before COMMIT, never after a rollback, never after a COMMIT whose answer was lost, never
// under a lock of ours. Calls come one after the other from a thread of the producer; one that
// takes long holds back those behind it and nothing else. A listener may throw (it is logged),
// send, post, and destroy the producer.

#include "outbox/message/delivery_report.hpp"

#include <functional>

namespace outbox {

struct send_listener {
    std::function<void(const delivery_report&)> on_delivered{};
    std::function<void(const delivery_report&)> on_failed{};

    bool empty() const noexcept { return !on_delivered && !on_failed; }
};

} // namespace outbox
