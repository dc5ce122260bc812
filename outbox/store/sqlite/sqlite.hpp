#pragma once
// The door for SQLite's own C API: include it beside producer.hpp and pass your `sqlite3`
// connection.
//
//   producer.transact(*db, [&](outbox::sqlite_transaction& tx, outbox::outgoing& out) {
//       tx.execute("update orders set state = 'paid' where id = 42");
//       out.send({.to = order_paid, .key = outbox::order_key{42}});
//   });
//
// or, in a transaction of your own,  producer.send(*db, message)  between your BEGIN and your
// COMMIT. A connection in autocommit mode is refused: nothing would bind the message to the change.
// When a send fails there, your transaction is rolled back and over. Let the exception leave your
// code: a statement that you execute after it is committed by itself, until your next BEGIN.

#include "outbox/message/envelope.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/savepoint_guard.hpp"
#include "outbox/store/store_session.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct sqlite3;

namespace outbox {

class sqlite_session : public store_session {
public:
    explicit sqlite_session(sqlite3& db, const outbox_name& to = {}) : db_(&db), to_(to) {}

    void require_open() override;
    void insert(std::span<const envelope> rows) override;
    bool cancel(const message_id& id) override;
    bool replace(const envelope& row) override;
    /// Rolls the whole transaction back, so that the user's COMMIT finds none and fails. SQLite has
    /// no way to keep him from writing meanwhile: what he executes before that COMMIT is in
    /// autocommit mode and stands alone.
    void poison() noexcept override;
    std::string doorbell() override;
    std::vector<bytes> note_consumed(const consumed_batch& batch) override;
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override;
    std::vector<std::string> ask_applied(const applied_question& about) override;

private:
    sqlite3* db_;
    outbox_name to_;
};

/// What `transact` opens: BEGIN IMMEDIATE, so that a transaction that will write never fails
/// half-way because another writer was faster. Set a busy timeout on the connection to wait for
/// others.
class sqlite_transaction : public scheduled_changes, public consumed_keys {
public:
    sqlite_transaction(sqlite3& db, pending_messages& pending);
    sqlite_transaction(const sqlite_transaction&) = delete;
    sqlite_transaction& operator=(const sqlite_transaction&) = delete;
    /// Rolls back unless committed.
    ~sqlite_transaction();

    /// Your own statements, with SQLite's API. Do not COMMIT or ROLLBACK through it.
    sqlite3* handle() const noexcept { return db_; }
    /// Runs SQL without parameters that returns no rows. Throws outbox::error with SQLite's words.
    void execute(const std::string& sql);
    /// See savepoint_guard.hpp.
    [[nodiscard]] auto savepoint() { return savepoint_guard{*this, pending_, ++savepoint_count_}; }

    // For the producer.
    void commit();
    bool cancel(const message_id& id) override {
        return sqlite_session{*db_, pending_->to}.cancel(id);
    }
    bool replace(const envelope& row) override {
        return sqlite_session{*db_, pending_->to}.replace(row);
    }
    std::vector<bytes> note_consumed(const consumed_batch& batch) override {
        return sqlite_session{*db_, pending_->to}.note_consumed(batch);
    }
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override {
        return sqlite_session{*db_, pending_->to}.forget_consumed(age, rows_max);
    }
    std::vector<std::string> ask_applied(const applied_question& about) override {
        return sqlite_session{*db_, pending_->to}.ask_applied(about);
    }
    sqlite_transaction& user_face() noexcept { return *this; }
    std::string doorbell() const noexcept { return doorbell_; }
    /// For outbox/testing: what waits for COMMIT.
    const pending_messages* pending() const noexcept { return pending_; }

private:
    void require_open() const;

    sqlite3* db_;
    pending_messages* pending_;
    std::string doorbell_;
    int savepoint_count_ = 0;
    bool open_ = true;
    pid_t process_;
};

template <>
struct adapter<sqlite3> {
    using session = sqlite_session;
};

template <>
struct connector<sqlite3> {
    using transaction = sqlite_transaction;
};

} // namespace outbox
