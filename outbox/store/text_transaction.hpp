#pragma once
// A transaction over a client that takes SQL as text: the common half of the doors for
// Connector/C++ and SOCI. For the author of another such door; users meet the derived classes.
//
// A Client is constructed from a connection of the user's and has
//
//   using connection = …;
//   const void* identity() const;                  the connection, for its note
//   void run(const std::string& sql);              runs a text whose rows nobody wants
//   connection_note ask(const std::string& sql);   runs one that answers with one row of two texts
//   std::vector<std::string> list(const std::string& sql, std::size_t rows_max);
//                                                  … with so many rows of one text at most
//   bool lists_from_begin() const;                 whether list() can take begin_and_note()
//   const transaction_sql& commands(const outbox_name& to, const std::string& server_version);
//                                                  may be asked without a version, for ask() alone
//   static text_failure judge(std::exception_ptr); what a failure of one of these means
//   void cut_off() noexcept;                       only where an unread result of the user's
//                                                  may outlive the transaction: ends the session

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/connection_notes.hpp"
#include "outbox/store/consumed_keys.hpp"
#include "outbox/store/savepoint_guard.hpp"
#include "outbox/store/scheduled_changes.hpp"
#include "outbox/store/store_session.hpp"
#include "outbox/store/transaction_sql.hpp"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace outbox {

enum class text_failure {
    refused,      // the server said no
    lost,         // nobody knows whether it was done
    already_open, // begin() within a transaction
    not_open,     // insert() without one
    no_tables,    // the outbox is not there
    unread,       // nothing was said: the user has a result that is not read to its end
};

[[noreturn]] inline void refuse_unread() {
    throw usage_error("outbox: a result is unread on this connection, so that nothing can be said "
                      "to the server, not even a rollback; fetch all its rows or free it before "
                      "you send or commit, and roll back now");
}

/// What a user reads; the exceptions of the client itself pass through, for his own retries know
/// them.
template <class Client>
[[noreturn]] void explain_text_failure(const std::exception_ptr& failure, const outbox_name& to) {
    const auto words = [&]() -> std::string {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            return e.what();
        }
    };
    switch (Client::judge(failure)) {
    case text_failure::already_open:
        throw usage_error("outbox: a transaction is open on this connection already; send in that "
                          "one, by join(), "
                          "or end it first");
    case text_failure::not_open:
        throw error(
            error_kind::not_in_transaction,
            "a message was sent where nothing would bind it to a change: the database has ended "
            "the "
            "transaction, or the connection was opened again: " +
                words(),
            "begin the whole transaction again"
        );
    case text_failure::no_tables:
        throw error(error_kind::schema_mismatch, words(), to.migrate_hint());
    case text_failure::unread:
        refuse_unread();
    case text_failure::refused:
    case text_failure::lost:
        break;
    }
    std::rethrow_exception(failure);
}

/// The rows of the last one of `texts`, which are at most `rows_max`.
template <class Client>
std::vector<std::string> list_text_answer(
    Client& client,
    const std::vector<std::string>& texts,
    const outbox_name& to,
    std::size_t rows_max
) {
    try {
        for (std::size_t i = 0; i + 1 < texts.size(); ++i)
            client.run(texts[i]);
        return client.list(texts.back(), rows_max);
    } catch (...) {
        explain_text_failure<Client>(std::current_exception(), to);
    }
}

template <class Client>
class text_transaction : public scheduled_changes, public consumed_keys {
public:
    using connection = typename Client::connection;

    /// Begins. Throws usage_error when a transaction is open on `db` already, which the server may
    /// then regard as failed. `db` must outlive this and is not to be used by another thread.
    explicit text_transaction(connection& db, const outbox_name& to = {})
        : text_transaction(db, nullptr, to) {}
    /// For the producer: what is pending is written with COMMIT.
    text_transaction(connection& db, pending_messages& pending)
        : text_transaction(db, &pending, pending.to) {}
    text_transaction(const text_transaction&) = delete;
    text_transaction& operator=(const text_transaction&) = delete;
    /// Rolls back unless committed. In a forked child it leaves the connection, which is its
    /// parent's, alone.
    ~text_transaction() {
        if (process_ != ::getpid())
            return;
        rollback();
        if constexpr (requires { client_.cut_off(); })
            if (state_ == state::open) // a result of the user's is unread still
                client_.cut_off();
    }

    /// Runs SQL whose rows nobody wants. Throws what the client throws.
    void execute(const std::string& sql) { client_.run(sql); }

    /// See savepoint_guard.hpp.
    [[nodiscard]] auto savepoint() { return savepoint_guard{*this, pending_, ++savepoint_count_}; }

    /// Commits what was done and what was sent. Throws what the client throws when the database
    /// refuses, and outbox::error with in_doubt() when its answer was lost. Within `transact` it
    /// may be called by the user, too; then nothing is left to do.
    void commit() {
        const std::size_t pending = pending_ == nullptr ? 0 : pending_->rows.size();
        if (state_ == state::committed && pending == written_)
            return;
        require_state_open("commit()");
        refuse_if_poisoned();
        const auto texts = commands_->commit(
            pending_ == nullptr ? std::span<const envelope>{}
                                : std::span<const envelope>{pending_->rows}
        );
        for (std::size_t i = 0; i < texts.size(); ++i) {
            try {
                client_.run(texts[i]);
            } catch (...) {
                explain_failed_commit(std::current_exception(), i + 1 == texts.size());
            }
        }
        state_ = state::committed;
        written_ = pending;
    }

    /// Never fails: when the server cannot be told, it has lost the transaction anyway. Or a result
    /// of yours is unread: then commit() throws from now on, and the destructor tries once more.
    void rollback() noexcept {
        if (state_ == state::open)
            try_rollback();
    }

    // For the producer and for `join`.
    std::string doorbell() const noexcept {
        try {
            return note_.doorbell;
        } catch (...) {
            return {};
        }
    }
    void require_open() {
        if (state_ != state::open)
            refuse_message("its transaction is over");
        const std::string probe = commands_->probe();
        if (probe.empty())
            return;
        try {
            client_.run(probe);
        } catch (...) {
            if (Client::judge(std::current_exception()) == text_failure::already_open)
                return;
            throw;
        }
        try_rollback();
        refuse_message("the database has rolled its transaction back");
    }
    void write(std::span<const envelope> rows) {
        for (const std::string& text : commands_->insert(rows)) {
            try {
                client_.run(text);
            } catch (...) {
                explain_text_failure<Client>(std::current_exception(), to_);
            }
        }
    }
    bool cancel(const message_id& id) override { return change_scheduled(commands_->cancel(id)); }
    bool replace(const envelope& row) override { return change_scheduled(commands_->replace(row)); }
    std::vector<bytes> note_consumed(const consumed_batch& batch) override {
        require_open();
        return keys_from_hex(list(commands_->note_consumed(batch), batch.keys.size()));
    }
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override {
        require_open();
        return std::stoul(list(commands_->forget_consumed(age, rows_max)).at(0));
    }
    std::vector<std::string> ask_applied(const applied_question& about) override {
        require_open();
        return list(commands_->ask_applied(about));
    }
    void poison() noexcept { poisoned_ = true; }
    /// The outbox that it sends to.
    const outbox_name& to() const noexcept { return to_; }
    /// For outbox/testing: what waits for COMMIT; null in a transaction of the user's own.
    const pending_messages* pending() const noexcept { return pending_; }

private:
    enum class state { open, committed, ended };

    text_transaction(connection& db, pending_messages* pending, const outbox_name& to)
        : client_(db)
        , pending_(pending)
        , to_(to)
        , process_(::getpid()) {
        const auto known = recall_note(client_.identity(), to_, system_clock().ticks());
        note_ = known ? *known : ask();
        try {
            begin();
        } catch (const usage_error&) {
            throw;
        } catch (const std::exception&) {
            if (!known)
                throw;
            // Another connection may live at the same address now.
            note_ = ask();
            begin();
        }
    }

    connection_note ask() {
        forget_note(client_.identity(), to_);
        connection_note note;
        try {
            note = client_.ask(client_.commands(to_, {}).ask());
        } catch (...) {
            explain_text_failure<Client>(std::current_exception(), to_);
        }
        note.asked_at = system_clock().ticks();
        remember_note(client_.identity(), to_, note);
        return note;
    }

    void begin() {
        commands_ = &client_.commands(to_, note_.server_version);
        const consumed_batch* to_note = pending_ == nullptr ? nullptr : pending_->to_note;
        std::vector<std::string> texts;
        if (to_note != nullptr && client_.lists_from_begin())
            texts = commands_->begin_and_note(*to_note);
        const bool noting = !texts.empty();
        if (!noting)
            texts = commands_->begin();
        for (std::size_t i = 0; i < texts.size(); ++i) {
            try {
                if (noting && i + 1 == texts.size())
                    pending_->noted = keys_from_hex(client_.list(texts[i], to_note->keys.size()));
                else
                    client_.run(texts[i]);
            } catch (...) {
                const std::exception_ptr failure = std::current_exception();
                const text_failure what = Client::judge(failure);
                if (what != text_failure::unread &&
                    (i > 0 || (noting && what != text_failure::already_open)))
                    try_rollback();
                explain_text_failure<Client>(failure, to_);
            }
        }
        state_ = state::open;
    }

    bool change_scheduled(const std::vector<std::string>& texts) {
        require_open();
        try {
            for (std::size_t i = 0; i + 1 < texts.size(); ++i)
                client_.run(texts[i]);
            return client_.ask(texts.back()).doorbell == "1"; // the first of the two texts
        } catch (...) {
            explain_text_failure<Client>(std::current_exception(), to_);
        }
    }

    std::vector<std::string> list(const std::vector<std::string>& texts, std::size_t rows_max = 1) {
        return list_text_answer(client_, texts, to_, rows_max);
    }

    void require_state_open(const char* what) const {
        if (process_ != ::getpid())
            throw usage_error("outbox: a forked child cannot end a transaction of its parent's; "
                              "let it leave with "
                              "_exit(), or open a connection of its own");
        if (state_ != state::open)
            throw usage_error(
                std::string{"outbox: "} + what +
                " on a transaction that has ended already; a message or a change made after that "
                "is not committed"
            );
    }

    void refuse_if_poisoned() {
        if (!poisoned_ && (pending_ == nullptr || pending_->poisoned_by.empty()))
            return;
        try_rollback();
        if (state_ == state::open)
            refuse_unread();
        throw error(
            error_kind::rejected,
            "the transaction is rolled back because a message could not be sent" +
                (pending_ == nullptr || pending_->poisoned_by.empty()
                     ? std::string{}
                     : ": " + pending_->poisoned_by),
            "let the exception of send() leave the function, or decide before sending"
        );
    }

    /// False: the server did not answer.
    bool try_rollback() noexcept {
        const state before = std::exchange(state_, state::ended);
        bool answered = false;
        try {
            for (const std::string& text : commands_->rollback()) {
                client_.run(text);
                answered = true;
            }
        } catch (...) {
            if (!answered && Client::judge(std::current_exception()) == text_failure::unread) {
                state_ = before;
                poisoned_ = true;
            } else {
                forget_note(client_.identity(), to_);
            }
        }
        return answered;
    }

    [[noreturn]] static void refuse_message(const std::string& why) {
        throw error(
            error_kind::not_in_transaction,
            "a message was sent where nothing would bind it to a change: " + why,
            "send between the beginning of a transaction and its commit()"
        );
    }

    [[noreturn]] void explain_failed_commit(const std::exception_ptr& failure, bool holds_commit) {
        const text_failure what = Client::judge(failure);
        if (what == text_failure::unread) // it is as if commit() had not been called
            refuse_unread();
        bool answered = what != text_failure::lost;
        if (answered)
            answered = try_rollback();
        state_ = state::ended;
        if (!answered) {
            forget_note(client_.identity(), to_);
            if (holds_commit)
                throw error(
                    error_kind::in_doubt,
                    "the connection was lost while committing; whether the transaction is there is "
                    "not known",
                    "look in the database whether the change is there; do not repeat it blindly"
                );
        }
        explain_text_failure<Client>(failure, to_);
    }

    Client client_;
    pending_messages* pending_;
    outbox_name to_;
    pid_t process_;
    connection_note note_{};
    const transaction_sql* commands_ = nullptr;
    state state_ = state::ended;
    bool poisoned_ = false;
    int savepoint_count_ = 0;
    std::size_t written_ = 0;
};

/// For `join` and `send` in one that the user has opened.
template <class Transaction>
class text_session final : public store_session {
public:
    text_session(Transaction& tx, const outbox_name& to) : tx_(&tx) {
        if (to != tx.to())
            throw usage_error(
                "outbox: a producer for the outbox \"" + to.text() +
                "\" sends in a transaction that was begun for \"" + tx.to().text() +
                "\"; give the transaction the same name: tx{db, outbox::outbox_name{…}}"
            );
    }

    void require_open() override { tx_->require_open(); }
    void insert(std::span<const envelope> rows) override { tx_->write(rows); }
    bool cancel(const message_id& id) override { return tx_->cancel(id); }
    bool replace(const envelope& row) override { return tx_->replace(row); }
    void poison() noexcept override { tx_->poison(); }
    std::string doorbell() override { return tx_->doorbell(); }
    std::vector<bytes> note_consumed(const consumed_batch& batch) override {
        return tx_->note_consumed(batch);
    }
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override {
        return tx_->forget_consumed(age, rows_max);
    }
    std::vector<std::string> ask_applied(const applied_question& about) override {
        return tx_->ask_applied(about);
    }

private:
    Transaction* tx_;
};

} // namespace outbox
