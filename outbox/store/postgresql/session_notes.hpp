#pragma once
// What the door knows about a user's connection between two transactions, so that it need not ask
// again: what is prepared there and where the relay listens, for each outbox that it has sent to.
// The connection object is the user's and tells nobody when it goes away, so a note counts only as
// long as the same object talks to the same server process.

#include "outbox/base/clock.hpp"
#include "outbox/message/envelope.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <span>
#include <string>

namespace outbox::postgresql {

/// How old the known doorbell may be. A relay that has moved is found by polling until then.
inline constexpr std::chrono::seconds doorbell_age_max{60};

struct session_note {
    outbox_name to{};
    /// The name of the prepared statement that writes messages; empty when none is.
    std::string statement{};
    /// The same for the one that notes what a consumer has done.
    std::string noting_statement{};
    /// Nothing is prepared: a pooler hands each transaction another session, or what was prepared
    /// has vanished.
    bool literal = false;
    std::string doorbell{};
    tick_point doorbell_read_at{};

    bool doorbell_is_stale(tick_point now) const noexcept {
        return doorbell_read_at == tick_point{} || now - doorbell_read_at > doorbell_age_max;
    }
    /// A fresh name, when a statement ought to be prepared now.
    std::string statement_to_prepare() const;
    std::string noting_statement_to_prepare() const;
    /// The SQL that writes `rows`, with what is prepared.
    std::string write(std::span<const envelope> rows) const;
};

/// Any thread. A note without content when nothing is known. What is remembered as `literal` is so
/// for every outbox.
session_note recall(const void* connection, int server_process, const outbox_name& to);
void remember(const void* connection, int server_process, const session_note& note);

} // namespace outbox::postgresql
