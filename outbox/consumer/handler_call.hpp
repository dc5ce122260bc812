#pragma once
// One call of the user's handler, and what it comes to, whatever the handler does; and what the
// user's gate has to say about it.

#include "outbox/consumer/consumer_options.hpp"
#include "outbox/consumer/handler.hpp"

#include <functional>
#include <span>
#include <vector>

namespace outbox {

/// What the user's gate says. None is open; one that throws is closed.
bool lets_pass(const std::function<bool()>& gate);
/// What a message has come to that was not handled because of it.
outcome gate_is_closed();
/// When something failed and the gate is closed, the failure is nobody's.
void excuse(std::span<outcome> said, const std::function<bool()>& gate);

/// Fills `said` with one outcome for each message. Never throws what the handler has thrown, which
/// is a retry for all of them. `probes`: the gate is asked before. On a handler's thread.
void call_safely(
    const handler_function& handle,
    const consumer_options& options,
    std::span<const delivery* const> messages,
    bool probes,
    std::vector<outcome>& said
);

} // namespace outbox
