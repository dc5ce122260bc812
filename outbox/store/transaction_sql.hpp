#pragma once
// The words of one database for a client that takes SQL as text: how a transaction begins, takes
// messages and ends, and how it notices that the database has ended it behind its back (a deadlock,
// a connection that was opened again). text_transaction.hpp speaks them.

#include "outbox/message/envelope.hpp"
#include "outbox/store/consumed_keys.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace outbox {

/// Each text is one trip to the server. They are pure and know no client; any thread.
class transaction_sql {
public:
    virtual ~transaction_sql() = default;

    /// One row: where the relay of shard 0 listens, and the server's version. Asked outside of a
    /// transaction.
    virtual std::string ask() const = 0;

    /// Fails, in words that says_already_open() knows, when a transaction is open.
    virtual std::vector<std::string> begin() const = 0;

    /// begin() and note_consumed() in the same trips as begin() alone: the last text answers.
    /// Empty: not here.
    virtual std::vector<std::string> begin_and_note(const consumed_batch& batch) const {
        static_cast<void>(batch);
        return {};
    }

    /// Fails exactly when a transaction is open; asked before each insert(). Empty when insert()
    /// itself notices that none is.
    virtual std::string probe() const { return {}; }

    /// Writes `rows` now, in order; fails when the transaction is not there any more.
    virtual std::vector<std::string> insert(std::span<const envelope> rows) const = 0;

    /// Take a scheduled message back, or put `row` in its place. The last text answers with one row
    /// of two texts: "1" when it was there, else "0"; and nothing.
    virtual std::vector<std::string> cancel(const message_id& id) const = 0;
    virtual std::vector<std::string> replace(const envelope& row) const = 0;

    /// As in consumed_keys. The last text answers with rows of one text: the keys that are new, in
    /// hexadecimal, among which empty texts say nothing; one row that says how many are gone; what
    /// applied_question says, one row at most.
    virtual std::vector<std::string> note_consumed(const consumed_batch& batch) const = 0;
    virtual std::vector<std::string>
    forget_consumed(std::chrono::seconds age, std::size_t rows_max) const = 0;
    virtual std::vector<std::string> ask_applied(const applied_question& about) const = 0;

    /// Writes `rows` and commits: the last text holds COMMIT. When one of them fails, nothing is
    /// committed, whatever had failed before within the transaction.
    virtual std::vector<std::string> commit(std::span<const envelope> rows) const = 0;

    /// Also after a text of the others has failed.
    virtual std::vector<std::string> rollback() const = 0;
};

/// Whether a database says, by `words`, that begin() found a transaction open.
bool says_already_open(const std::string& words) noexcept;

/// Whether it says of one of our texts that the tables are not there.
bool says_tables_are_missing(const std::string& words) noexcept;

} // namespace outbox
