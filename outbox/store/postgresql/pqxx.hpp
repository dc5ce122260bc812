#pragma once
// The door for libpqxx: include it beside producer.hpp and pass your connection or your
// transaction. It is compiled with the libpqxx that you have: 6.4, 7 or 8.
//
//   producer.transact(connection, [&](auto& tx, outbox::outgoing& out) {
//       tx.exec("update orders set state = 'paid' where id = 42");
//       out.send({.to = order_paid, .key = outbox::order_key{42}});
//   });
//
// What you send there costs no trip to the server: it travels with COMMIT. `tx` is a
// pqxx::transaction_base, so write functions that take one. A pqxx::subtransaction of it does not
// compile, because a message that waits for COMMIT would not notice that its savepoint is rolled
// back; use tx.savepoint(), which takes its messages along.
//
// In a transaction of your own, pqxx::work or any other but nontransaction,
//
//   producer.send(tx, message);
//
// writes the message at once. Send on the pqxx::subtransaction, if the message belongs to it.
//
// Behind a pooler that gives each transaction another session (pgbouncer), say
// outbox::postgresql::write_literally(connection) once: then nothing is prepared.
//
// The producer's user needs: usage on schema outbox, insert on outbox.message, usage on sequence
// outbox.message_seq, select on outbox.relay.

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/postgresql/applied_sql.hpp"
#include "outbox/store/postgresql/consumed_sql.hpp"
#include "outbox/store/postgresql/put.hpp"
#include "outbox/store/postgresql/session_notes.hpp"
#include "outbox/store/savepoint_guard.hpp"
#include "outbox/store/store_session.hpp"

#include <pqxx/pqxx>

#include <unistd.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <vector>

namespace outbox {

// Everything in which the versions of libpqxx differ.
namespace postgresql::libpqxx {

#if PQXX_VERSION_MAJOR >= 7
using any_connection = pqxx::connection;
#else
using any_connection = pqxx::connection_base;
#endif
/// libpqxx up to 7.2 wants a name from the most derived class; later ones do not.
#if PQXX_VERSION_MAJOR > 7 || (PQXX_VERSION_MAJOR == 7 && PQXX_VERSION_MINOR >= 3)
class named {
public:
    explicit named(const char*) noexcept {}
};
#else
using named = pqxx::internal::namedclass;
#endif

/// libpqxx 6 starts a subtransaction with its first exec(); exec_params() before that runs outside
/// of it. This starts it.
inline void activate(pqxx::dbtransaction& tx) {
#if PQXX_VERSION_MAJOR < 7
    if (dynamic_cast<pqxx::subtransaction*>(&tx) != nullptr)
        tx.exec("");
#else
    static_cast<void>(tx);
#endif
}

/// A transaction whose own commands are ours to choose. In a forked child it says none: the session
/// is its parent's.
class transaction : public pqxx::transaction_base, public virtual named {
protected:
#if PQXX_VERSION_MAJOR >= 8
    explicit transaction(any_connection& db)
        : named{""}
        , transaction_base{db, pqxx::sl::current()} {
        register_transaction();
    }
    ~transaction() override = default;
    pqxx::result command(const std::string& sql) {
        require_same_process();
        return direct_exec(sql, pqxx::sl::current());
    }
    pqxx::result begin(const std::string& words) {
        return command(words);
    }
    void end() noexcept {
        close();
    }
    void do_commit(pqxx::sl) final {
        commit_with_messages();
    }
    void do_abort(pqxx::sl) final {
        command("rollback");
    }
#elif PQXX_VERSION_MAJOR == 7
    explicit transaction(any_connection& db) : named{""}, transaction_base{db} {
        register_transaction();
    }
    ~transaction() override = default;
    pqxx::result command(const std::string& sql) {
        require_same_process();
        return direct_exec(sql);
    }
    pqxx::result begin(const std::string& words) {
        return command(words);
    }
    void end() noexcept {
        close();
    }
    void do_commit() final {
        commit_with_messages();
    }
    void do_abort() final {
        command("rollback");
    }
#else
    explicit transaction(any_connection& db) : named{""}, transaction_base{db} {}
    ~transaction() override = default;
    pqxx::result command(const std::string& sql) {
        require_same_process();
        return direct_exec(sql.c_str());
    }
    pqxx::result begin(const std::string& words) {
        begin_words_ = words;
        Begin();
        return begun_;
    }
    void end() noexcept {
        End();
    }
    void do_begin() final {
        begun_ = command(begin_words_);
    }
    pqxx::result do_exec(const char sql[]) final {
        try {
            return direct_exec(sql);
        } catch (const std::exception&) {
            abort();
            throw;
        }
    }
    void do_commit() final {
        commit_with_messages();
    }
    void do_abort() final {
        reactivation_avoidance_clear();
        command("rollback");
    }
#endif
    virtual void commit_with_messages() = 0;

private:
    void require_same_process() const {
        if (process_ != ::getpid())
            throw usage_error("outbox: a forked child cannot end a transaction of its parent's; "
                              "open a connection "
                              "of its own");
    }
    pid_t process_ = ::getpid();
#if PQXX_VERSION_MAJOR < 7
    std::string begin_words_;
    pqxx::result begun_;
#endif
};

inline constexpr const char* vanished_hint =
    "the prepared statement of the outbox has vanished from the session (DISCARD ALL, or a "
    "pooler); the next transaction will do without";

[[noreturn]] inline void refuse_without_transaction(const std::string& why) {
    throw error(
        error_kind::not_in_transaction,
        "no transaction is open that would bind this to a change: " + why,
        "do it between the beginning of the transaction and its commit()"
    );
}

/// From now on nothing is prepared on `db`.
inline void write_literally(any_connection& db) {
    session_note note = recall(&db, db.backendpid(), {});
    note.statement.clear();
    note.noting_statement.clear();
    note.literal = true;
    remember(&db, db.backendpid(), note);
}

/// Rows of one text from what `ask` returns.
template <class Ask>
std::vector<std::string> list_from(any_connection& db, const outbox_name& to, const Ask& ask) {
    try {
        std::vector<std::string> texts;
        const pqxx::result answer = ask();
        for (const auto& row : answer)
            texts.push_back(row[0].template as<std::string>());
        return texts;
    } catch (const pqxx::usage_error& e) {
        refuse_without_transaction(e.what());
    } catch (const pqxx::undefined_table& e) {
        throw error(error_kind::schema_mismatch, e.what(), to.migrate_hint());
    } catch (const pqxx::invalid_sql_statement_name& e) {
        write_literally(db);
        throw error(error_kind::rejected, e.what(), vanished_hint);
    } catch (const pqxx::sql_error& e) {
        if (consumed_sql::says_no_transaction(e.what()))
            refuse_without_transaction(e.what());
        throw;
    }
}

inline std::vector<std::string>
list(pqxx::transaction_base& tx, const outbox_name& to, const std::string& sql) {
    return list_from(tx.conn(), to, [&] { return tx.exec(sql); });
}

inline std::vector<bytes>
note_consumed(pqxx::transaction_base& tx, const outbox_name& to, const consumed_batch& batch) {
    any_connection& db = tx.conn();
    session_note note = recall(&db, db.backendpid(), to);
    if (note.literal || batch.keys.size() != 1)
        return keys_from_hex(list(tx, to, consumed_sql::note(to, batch)));
    std::string sql;
    const std::string fresh = note.noting_statement_to_prepare();
    if (!fresh.empty()) {
        sql = consumed_sql::prepare(to, fresh) + "; ";
        note.noting_statement = fresh;
    }
    sql += consumed_sql::execute(
        note.noting_statement,
        batch,
        consumed_sql::where_asked::in_transaction
    );
    const std::vector<std::string> noted = list(tx, to, sql);
    if (!fresh.empty())
        remember(&db, db.backendpid(), note);
    return keys_from_hex(noted);
}

inline std::size_t forget_consumed(
    pqxx::transaction_base& tx,
    const outbox_name& to,
    std::chrono::seconds age,
    std::size_t rows_max
) {
    return std::stoul(list(tx, to, consumed_sql::forget(to, age, rows_max)).at(0));
}

inline std::vector<std::string>
ask_applied(pqxx::transaction_base& tx, const outbox_name& to, const applied_question& about) {
    return list(tx, to, applied_sql::texts(to, about).at(0));
}

} // namespace postgresql::libpqxx

namespace postgresql {

using libpqxx::write_literally;

} // namespace postgresql

/// For `join` and `send`: a transaction of the user's own.
class pqxx_session final : public store_session {
public:
    explicit pqxx_session(pqxx::dbtransaction& tx, const outbox_name& to = {})
        : tx_(&tx)
        , to_(to)
        , server_process_(tx.conn().backendpid()) {}

    void require_open() override {
        try {
            postgresql::libpqxx::activate(*tx_);
        } catch (const pqxx::usage_error& e) {
            refuse_closed(e.what());
        }
    }

    void insert(std::span<const envelope> rows) override {
        require_same_session();
        const tick_point now = system_clock().ticks();
        postgresql::session_note note = postgresql::recall(&tx_->conn(), server_process_, to_);
        std::string sql;
        if (const std::string name = note.statement_to_prepare(); !name.empty()) {
            sql = postgresql::put::prepare(to_, name) + "; ";
            note.statement = name;
        }
        sql += note.write(rows);
        const bool ask = note.doorbell_is_stale(now);
        if (ask)
            sql += "; " + postgresql::put::ask_doorbell(to_);
        try {
            const pqxx::result answer = tx_->exec(sql);
            if (ask) {
                note.doorbell = answer[0][0].as<std::string>();
                note.doorbell_read_at = now;
            }
            postgresql::remember(&tx_->conn(), server_process_, note);
        } catch (const pqxx::usage_error& e) {
            refuse_closed(e.what());
        } catch (const pqxx::invalid_sql_statement_name& e) {
            postgresql::write_literally(tx_->conn());
            throw error(error_kind::rejected, e.what(), postgresql::libpqxx::vanished_hint);
        } catch (const pqxx::undefined_table& e) {
            throw error(error_kind::schema_mismatch, e.what(), to_.migrate_hint());
        } catch (const pqxx::transaction_rollback&) {
            throw; // the user's own retries know it
        } catch (const pqxx::sql_error& e) {
            throw error(
                error_kind::rejected,
                std::string{"the messages cannot be written: "} + e.what()
            );
        }
    }

    bool cancel(const message_id& id) override { return change(postgresql::put::cancel(to_, id)); }
    bool replace(const envelope& row) override {
        return change(postgresql::put::replace(to_, row));
    }

    std::vector<bytes> note_consumed(const consumed_batch& batch) override {
        require_open();
        return postgresql::libpqxx::note_consumed(*tx_, to_, batch);
    }
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override {
        require_open();
        return postgresql::libpqxx::forget_consumed(*tx_, to_, age, rows_max);
    }
    std::vector<std::string> ask_applied(const applied_question& about) override {
        require_open();
        return postgresql::libpqxx::ask_applied(*tx_, to_, about);
    }

    void poison() noexcept override {
        try {
            tx_->abort();
        } catch (const std::exception&) { // then it is over already
        }
    }

    std::string doorbell() override {
        return postgresql::recall(&tx_->conn(), server_process_, to_).doorbell;
    }

private:
    bool change(const std::string& sql) {
        require_open();
        require_same_session();
        try {
            return postgresql::libpqxx::list(*tx_, to_, sql).at(0) == "1";
        } catch (const pqxx::usage_error& e) {
            refuse_closed(e.what());
        }
    }

    // libpqxx 6 can open a new session under a transaction, which is not there any more then.
    void require_same_session() const {
        if (!tx_->conn().is_open() || tx_->conn().backendpid() != server_process_)
            refuse_closed("its connection was lost");
    }

    [[noreturn]] static void refuse_closed(const std::string& why) {
        throw error(
            error_kind::not_in_transaction,
            "a message was sent or changed in a transaction that is over: " + why,
            "send before commit() and abort()"
        );
    }

    pqxx::dbtransaction* tx_;
    outbox_name to_;
    int server_process_;
};

/// What `transact` opens.
class pqxx_transaction final : public postgresql::libpqxx::transaction,
                               public scheduled_changes,
                               public consumed_keys {
public:
    pqxx_transaction(postgresql::libpqxx::any_connection& db, pending_messages& pending)
        : postgresql::libpqxx::named{"outbox transaction"}
        , transaction{db}
        , pending_(&pending) {
        try {
            prepare_session();
            if (pending_->to_note == nullptr)
                begin("begin");
            else
                begin_and_note(*pending_->to_note);
            server_process_ = conn().backendpid();
        } catch (...) {
            end();
            throw;
        }
    }
    /// Rolls back unless committed.
    ~pqxx_transaction() override { end(); }

    /// Runs SQL whose rows nobody wants; the rest of a pqxx::transaction_base is there as well.
    void execute(const std::string& sql) { exec(sql); }

    /// See savepoint_guard.hpp.
    [[nodiscard]] auto savepoint() { return savepoint_guard{*this, pending_, ++savepoint_count_}; }

    /// Commits what was done and what was sent. Called by the user, too: then `transact` has
    /// nothing left to do.
    void commit() {
        if (committed_) {
            if (pending_->rows.size() > written_)
                throw usage_error("outbox: a message was sent after its transaction had ended");
            return;
        }
        try {
            transaction_base::commit();
        } catch (const pqxx::in_doubt_error& e) {
            throw error(
                error_kind::in_doubt,
                e.what(),
                "look in the database whether the change is there; do not repeat it blindly"
            );
        }
    }

    // For the producer.
    bool cancel(const message_id& id) override {
        return change(postgresql::put::cancel(pending_->to, id));
    }
    bool replace(const envelope& row) override {
        return change(postgresql::put::replace(pending_->to, row));
    }
    std::vector<bytes> note_consumed(const consumed_batch& batch) override {
        return postgresql::libpqxx::note_consumed(*this, pending_->to, batch);
    }
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override {
        return postgresql::libpqxx::forget_consumed(*this, pending_->to, age, rows_max);
    }
    std::vector<std::string> ask_applied(const applied_question& about) override {
        return postgresql::libpqxx::ask_applied(*this, pending_->to, about);
    }
    pqxx_transaction& user_face() noexcept { return *this; }
    /// For outbox/testing: what waits for COMMIT.
    const pending_messages* pending() const noexcept { return pending_; }
    std::string doorbell() const noexcept {
        try {
            return note_.doorbell;
        } catch (...) {
            return {};
        }
    }

private:
    bool change(const std::string& sql) {
        // As in pqxx_session: what is changed in a new session stays.
        if (!conn().is_open() || conn().backendpid() != server_process_)
            throw pqxx::broken_connection{
                "the connection was lost during the transaction; nothing is changed"};
        return postgresql::libpqxx::list(*this, pending_->to, sql).at(0) == "1";
    }

    // The first trip on a connection, and one in a minute after that: before BEGIN, so that the
    // user can still choose an isolation level.
    void prepare_session() {
        const tick_point now = system_clock().ticks();
        note_ = postgresql::recall(&conn(), conn().backendpid(), pending_->to);
        const std::string name = note_.statement_to_prepare();
        const std::string noting =
            pending_->to_note == nullptr ? std::string{} : note_.noting_statement_to_prepare();
        if (name.empty() && noting.empty() && !note_.doorbell_is_stale(now))
            return;
        std::string sql;
        if (!name.empty())
            sql = postgresql::put::prepare(pending_->to, name) + "; ";
        if (!noting.empty())
            sql += postgresql::consumed_sql::prepare(pending_->to, noting) + "; ";
        sql += postgresql::put::ask_doorbell(pending_->to);
        try {
            note_.doorbell = command(sql)[0][0].as<std::string>();
        } catch (const pqxx::undefined_table& e) {
            throw error(error_kind::schema_mismatch, e.what(), pending_->to.migrate_hint());
        }
        if (!name.empty())
            note_.statement = name;
        if (!noting.empty())
            note_.noting_statement = noting;
        note_.doorbell_read_at = now;
        postgresql::remember(&conn(), conn().backendpid(), note_);
    }

    void begin_and_note(const consumed_batch& batch) {
        using namespace postgresql;
        constexpr auto at_begin = consumed_sql::where_asked::at_begin;
        const std::string note =
            note_.literal || batch.keys.size() != 1
                ? consumed_sql::note(pending_->to, batch, at_begin)
                : consumed_sql::execute(note_.noting_statement, batch, at_begin);
        try {
            pending_->noted = keys_from_hex(libpqxx::list_from(conn(), pending_->to, [&] {
                return begin("begin; " + note);
            }));
        } catch (...) {
            try {
                command("rollback");
            } catch (const std::exception&) { // the connection is lost, and with it the transaction
            }
            throw;
        }
    }

    void commit_with_messages() override {
        if (conn().backendpid() != server_process_)
            throw pqxx::broken_connection{
                "the connection was lost during the transaction; nothing is committed"};
        if (!pending_->poisoned_by.empty()) {
            command("rollback");
            throw error(
                error_kind::rejected,
                "the transaction is rolled back because a message could not be sent: " +
                    pending_->poisoned_by
            );
        }
        try {
            // A savepoint fails in a transaction that has already failed, where COMMIT would
            // quietly roll back.
            command(
                (pending_->rows.empty() ? "savepoint outbox_commit" : note_.write(pending_->rows)) +
                "; commit"
            );
        } catch (const pqxx::broken_connection& e) {
            lost_while_committing(e.what());
        } catch (const pqxx::statement_completion_unknown& e) {
            lost_while_committing(e.what());
        } catch (const std::exception& e) {
            if (!conn().is_open())
                lost_while_committing(e.what());
            if (!failed_before_commit())
                throw; // COMMIT itself said no: a deferred constraint, a serialization failure
            command("rollback");
            explain_failed_write();
        }
        committed_ = true;
        written_ = pending_->rows.size();
    }

    [[noreturn]] static void lost_while_committing(const std::string& why) {
        throw pqxx::in_doubt_error{
            "the connection was lost while committing; whether the transaction is there is not "
            "known: " +
            why};
    }

    // One string, one error: which of its commands was it? After a failed INSERT the transaction is
    // still there, failed; after a failed COMMIT there is none.
    bool failed_before_commit() {
        try {
            command("savepoint outbox_probe");
        } catch (const pqxx::sql_error& e) {
            return e.sqlstate() == "25P02";
        }
        return true;
    }

    // Within the handler of what the INSERT threw.
    [[noreturn]] void explain_failed_write() {
        try {
            throw;
        } catch (const pqxx::transaction_rollback&) {
            throw; // the user's own retries know it
        } catch (const pqxx::invalid_sql_statement_name& e) {
            postgresql::write_literally(conn());
            throw error(error_kind::rejected, e.what(), postgresql::libpqxx::vanished_hint);
        } catch (const pqxx::undefined_table& e) {
            throw error(error_kind::schema_mismatch, e.what(), pending_->to.migrate_hint());
        } catch (const std::exception& e) {
            throw error(
                error_kind::rejected,
                std::string{"the messages cannot be written, so nothing is committed: "} + e.what()
            );
        }
    }

    pending_messages* pending_;
    postgresql::session_note note_{};
    int server_process_ = 0;
    int savepoint_count_ = 0;
    bool committed_ = false;
    std::size_t written_ = 0;
};

template <std::derived_from<pqxx::dbtransaction> Tx>
struct adapter<Tx> {
    using session = pqxx_session;
};

template <std::derived_from<postgresql::libpqxx::any_connection> Db>
struct connector<Db> {
    using transaction = pqxx_transaction;
};

} // namespace outbox
