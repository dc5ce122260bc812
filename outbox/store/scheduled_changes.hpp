#pragma once
// Changing what is scheduled and not due yet, within an open transaction. A door that can do it
// implements this; a user says outgoing::cancel and outgoing::replace.

#include "outbox/base/error.hpp"
#include "outbox/message/envelope.hpp"
#include "outbox/message/message_id.hpp"

namespace outbox {

class scheduled_changes {
public:
    /// Takes the message back, if the transaction commits. False: it is not there, because it was
    /// due and left, or was never scheduled. Waits for a relay that takes it at this moment.
    virtual bool cancel(const message_id& id) {
        static_cast<void>(id);
        cannot();
    }
    /// Puts `row` in the place of the message with its id; without a time of its own it keeps that
    /// of the other. False as for cancel().
    virtual bool replace(const envelope& row) {
        static_cast<void>(row);
        cannot();
    }

protected:
    ~scheduled_changes() = default;

private:
    [[noreturn]] static void cannot() {
        throw usage_error("outbox: this door cannot change scheduled messages");
    }
};

} // namespace outbox
