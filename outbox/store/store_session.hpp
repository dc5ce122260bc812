#pragma once
// The seam between the producer and one open transaction of the user's database: what an adapter
// must be able to do. A user never calls it; the author of an adapter implements it (see
// adapter.hpp).

#include "outbox/message/envelope.hpp"
#include "outbox/store/consumed_keys.hpp"
#include "outbox/store/scheduled_changes.hpp"

#include <span>
#include <string>

namespace outbox {

class store_session : public scheduled_changes, public consumed_keys {
public:
    virtual ~store_session() = default;

    /// Throws outbox::error (not_in_transaction) unless a transaction is open in which rows become
    /// visible together with the user's own change, or not at all.
    virtual void require_open() = 0;

    /// Writes `rows` into the outbox table, in order, inside the open transaction, in one statement
    /// where the database can. Throws when they were not written; then the caller poisons the
    /// transaction.
    virtual void insert(std::span<const envelope> rows) = 0;

    /// Makes sure that the transaction cannot commit any more, because a message that belongs to it
    /// could not be written. A user who swallows the exception must still not get the change
    /// without its message.
    virtual void poison() noexcept = 0;

    /// Where the relay of this database listens for the producer's nudge
    /// (outbox/base/doorbell.hpp); empty when that is not known. Called after the user's COMMIT,
    /// and may ask the database then, outside of any transaction.
    virtual std::string doorbell() = 0;
};

} // namespace outbox
