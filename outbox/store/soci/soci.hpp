#pragma once
// The door for SOCI: include it beside producer.hpp and pass your soci::session. It serves the
// backends postgresql, mysql and sqlite3, whichever the session has; it includes and links none of
// them.
//
//   producer.transact(session, [&](outbox::soci_transaction& tx, outbox::outgoing& out) {
//       tx.session() << "update orders set state = 'paid' where id = :id", soci::use(id);
//       out.send({.to = order_paid, .key = outbox::order_key{id}});
//   });
//
// What you send there travels with COMMIT on PostgreSQL and MariaDB, and takes one trip to the
// server for any number of messages on MySQL.
//
// SOCI cannot tell whether a session is in a transaction, and soci::transaction does not tell which
// session it has; so neither can be joined, and that does not compile. Open ours instead:
//
//   outbox::soci_transaction tx{session};
//   tx.session() << "update orders set state = 'paid' where id = 42";
//   producer.send(tx, message);                                    // writes it now
//   tx.commit();                                                   // the destructor rolls back
//
// End the transaction through `tx` or not at all. A postgresql session with `singlerow` is not
// served: its statements fail. For the rights that the producer's user needs see the door of that
// database.

#include "outbox/base/error.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/mysql/transaction_sql.hpp"
#include "outbox/store/postgresql/consumed_sql.hpp"
#include "outbox/store/postgresql/transaction_sql.hpp"
#include "outbox/store/sqlite/transaction_sql.hpp"
#include "outbox/store/text_transaction.hpp"

#include <soci/soci.h>

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

namespace outbox {

class soci_client {
public:
    using connection = soci::session;

    explicit soci_client(soci::session& db) : db_(&db) {}

    /// Sessions of a pool come and go; what is behind them stays.
    const void* identity() const { return db_->get_backend(); }

    void run(const std::string& sql) { *db_ << sql; }

    connection_note ask(const std::string& sql) {
        connection_note note;
        *db_ << sql, soci::into(note.doorbell), soci::into(note.server_version);
        return note;
    }

    // A rowset is prepared, asked and forgotten, on PostgreSQL in one trip each.
    std::vector<std::string> list(const std::string& sql, std::size_t rows_max) {
        std::vector<std::string> texts;
        if (rows_max == 1) {
            std::string text;
            *db_ << sql, soci::into(text);
            if (db_->got_data())
                texts.push_back(text);
            return texts;
        }
        const soci::rowset<std::string> rows = db_->prepare << sql;
        for (const std::string& text : rows)
            texts.push_back(text);
        return texts;
    }

    // The mysql backend cannot read an answer from within a compound statement.
    bool lists_from_begin() const { return db_->get_backend_name() == "postgresql"; }

    const transaction_sql&
    commands(const outbox_name& to, const std::string& server_version) const {
        const std::string backend = db_->get_backend_name();
        if (backend == "postgresql")
            return postgresql::text_commands(to);
        if (backend == "mysql")
            return mysql::text_commands(to, server_version);
        if (backend == "sqlite3")
            return sqlite::text_commands(to);
        throw error(
            error_kind::invalid_argument,
            "the outbox has no words for the SOCI backend \"" + backend + "\"",
            "use a session with postgresql, mysql or sqlite3"
        );
    }

    // What the backends know of an error is in headers that not every user has, so the words of the
    // servers must do.
    static text_failure judge(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const soci::soci_error& e) {
            const std::string words = e.what();
            const auto say = [&](const char* phrase) {
                return words.find(phrase) != std::string::npos;
            };
            if (say("Commands out of sync"))
                return text_failure::unread;
            // The last is SQLite's: the commit record may have reached the disk.
            if (e.get_error_category() == soci::soci_error::connection_error ||
                say("disk I/O error"))
                return text_failure::lost;
            if (says_already_open(words))
                return text_failure::already_open;
            if (say("Subquery returns more than 1 row") ||
                say("SAVEPOINT can only be used in transaction blocks") ||
                postgresql::consumed_sql::says_no_transaction(words))
                return text_failure::not_open;
            if (says_tables_are_missing(words))
                return text_failure::no_tables;
            return text_failure::refused;
        } catch (const std::exception&) {
            return text_failure::lost;
        }
    }

private:
    soci::session* db_;
};

/// A transaction on a session; what `transact` opens, too.
class soci_transaction final : public text_transaction<soci_client> {
public:
    explicit soci_transaction(soci::session& db, const outbox_name& to = {})
        : text_transaction(db, to)
        , db_(&db) {}
    soci_transaction(soci::session& db, pending_messages& pending)
        : text_transaction(db, pending)
        , db_(&db) {}

    /// For your own statements. Its begin(), commit() and rollback() are not for use here.
    soci::session& session() const noexcept { return *db_; }

    // For the producer.
    soci_transaction& user_face() noexcept { return *this; }

private:
    soci::session* db_;
};

template <>
struct adapter<soci_transaction> {
    using session = text_session<soci_transaction>;
};

template <>
struct connector<soci::session> {
    using transaction = soci_transaction;
};

} // namespace outbox
