#pragma once
// The seam through which a relay tells what became of messages whose producers asked to be told.
// The relay knows no sockets of producers: whoever assembles the process binds receipt_sender here,
// or nothing.

#include "outbox/message/receipt_datagram.hpp"
#include "outbox/message/receipt_request.hpp"

#include <span>

namespace outbox {

/// One message that the target has taken or refused.
struct observed_outcome {
    /// Who asked. Valid during the call.
    const receipt_request* to = nullptr;
    receipt_note note{};
};

class outcome_observer {
public:
    virtual ~outcome_observer() = default;

    /// Called by the relay's thread between two of its actions, once for each piece of news from
    /// the target that holds such messages. Must not block. A refused message is told each time
    /// that it is refused.
    virtual void observe(std::span<const observed_outcome> outcomes) noexcept = 0;
};

} // namespace outbox
