#pragma once
// The door for the C API of MariaDB and MySQL (libmariadb): include it beside producer.hpp and pass
// your `MYSQL` connection.
//
//   producer.transact(*db, [&](outbox::mysql_transaction& tx, outbox::outgoing& out) {
//       tx.execute("update orders set state = 'paid' where id = 42");
//       out.send({.to = order_paid, .key = outbox::order_key{42}});
//   });
//
// Connect with CLIENT_MULTI_STATEMENTS, and `transact` costs no trip to the server more than your
// own BEGIN and COMMIT, whatever you send: it travels with COMMIT. Without it, two, and one more
// for any number of messages.
//
// In a transaction of your own,  producer.send(*db, message)  between your START TRANSACTION and
// your COMMIT writes the message at once; do it after the change that the message speaks of. A
// connection outside of a transaction is refused, also when the server has ended it and you have
// not looked (a deadlock): nothing would bind the message to the change. To tell, MySQL must be
// asked, which is one trip; MariaDB is told within the same one.
//
// With mysql_autocommit(db, 0) nobody can tell: the next transaction has begun by itself, and the
// message would be committed with that, without the change that is lost. Look at what each of your
// statements returns there, and roll back and begin again when one has failed; or use `transact`,
// which notices.
//
// The producer's user needs: insert on outbox_message, select on outbox_relay. Leave
// MYSQL_OPT_RECONNECT off: a connection that is opened again has lost its transaction.

#include "outbox/message/envelope.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/mysql/binding.hpp"
#include "outbox/store/savepoint_guard.hpp"
#include "outbox/store/store_session.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

struct st_mysql;

namespace outbox {

class mysql_session final : public store_session {
public:
    explicit mysql_session(st_mysql& db, const outbox_name& to = {}) : db_(&db), to_(to) {}

    void require_open() override;
    void insert(std::span<const envelope> rows) override;
    bool cancel(const message_id& id) override;
    bool replace(const envelope& row) override;
    /// Rolls the whole transaction back, and until your own COMMIT or ROLLBACK nothing can be
    /// written. Your COMMIT succeeds and commits nothing: MySQL does not tell; the exception of the
    /// send did. While a result of yours is not read to its end (mysql_use_result, rows of a
    /// prepared statement) the server cannot be told anything: then the connection is shut, and
    /// whatever you say on it fails.
    void poison() noexcept override;
    std::string doorbell() override;
    std::vector<bytes> note_consumed(const consumed_batch& batch) override;
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override;
    std::vector<std::string> ask_applied(const applied_question& about) override;

private:
    mysql::binding bind();
    void require_open_now();

    st_mysql* db_;
    outbox_name to_;
    bool ended_unseen_ = false; // the transaction, and the user does not know it
};

/// What `transact` opens, at the isolation level of the session. Meanwhile autocommit mode is off,
/// so that what follows a transaction that the server has ended cannot commit by itself.
class mysql_transaction : public scheduled_changes, public consumed_keys {
public:
    mysql_transaction(st_mysql& db, pending_messages& pending);
    mysql_transaction(const mysql_transaction&) = delete;
    mysql_transaction& operator=(const mysql_transaction&) = delete;
    /// Rolls back unless committed. In a forked child it leaves the connection, which is its
    /// parent's, alone.
    ~mysql_transaction();

    /// Your own statements, with the C API. Fetch or free every result before the work ends; one
    /// that is unread then makes commit() throw usage_error and costs the connection. Do not
    /// COMMIT or ROLLBACK through it, nor anything that commits implicitly; after a deadlock, which
    /// rolls everything back, let the work end by an exception. All are noticed: then commit()
    /// throws, and only what you committed yourself is in the database.
    st_mysql* handle() const noexcept { return db_; }
    /// Runs one statement that returns no rows. Throws outbox::error with the server's words.
    void execute(const std::string& sql);
    /// See savepoint_guard.hpp.
    [[nodiscard]] auto savepoint() { return savepoint_guard{*this, pending_, ++savepoint_count_}; }

    // For the producer.
    void commit();
    bool cancel(const message_id& id) override {
        return mysql_session{*db_, pending_->to}.cancel(id);
    }
    bool replace(const envelope& row) override {
        return mysql_session{*db_, pending_->to}.replace(row);
    }
    std::vector<bytes> note_consumed(const consumed_batch& batch) override {
        return mysql_session{*db_, pending_->to}.note_consumed(batch);
    }
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override {
        return mysql_session{*db_, pending_->to}.forget_consumed(age, rows_max);
    }
    std::vector<std::string> ask_applied(const applied_question& about) override {
        return mysql_session{*db_, pending_->to}.ask_applied(about);
    }
    mysql_transaction& user_face() noexcept { return *this; }
    std::string doorbell() const noexcept { return doorbell_; }
    /// For outbox/testing: what waits for COMMIT.
    const pending_messages* pending() const noexcept { return pending_; }

private:
    st_mysql* db_;
    pending_messages* pending_;
    std::string doorbell_;
    int savepoint_count_ = 0;
    bool open_ = true;
    pid_t process_;
};

template <>
struct adapter<st_mysql> {
    using session = mysql_session;
};

template <>
struct connector<st_mysql> {
    using transaction = mysql_transaction;
};

} // namespace outbox
