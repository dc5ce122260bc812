#pragma once
// What a door knows about a user's connection and one outbox between two transactions, so that it
// need not ask again: where the relay listens, and which server this is. The connection object is
// the user's and tells nobody when it goes away; another one at its address finds a note that is
// not true. So nothing may depend on a note but latency, or an error that forget() cures.

#include "outbox/base/clock.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace outbox {

struct connection_note {
    std::string doorbell{};
    std::string server_version{};
    tick_point asked_at{};
};

/// How old a note may be. A relay that has moved is found by polling until then.
inline constexpr std::chrono::seconds note_age_max{60};

/// Any thread. Nothing when nothing is known, or too long ago.
std::optional<connection_note>
recall_note(const void* connection, const outbox_name& to, tick_point now);
void remember_note(const void* connection, const outbox_name& to, const connection_note& note);
void forget_note(const void* connection, const outbox_name& to) noexcept;

} // namespace outbox
