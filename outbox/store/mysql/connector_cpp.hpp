#pragma once
// The door for Connector/C++ and its relatives: include it beside producer.hpp and pass your
// sql::Connection. It includes none of their headers, so it serves the one that you include: 1.1
// (<cppconn/…>), 8 (<mysql/jdbc.h>), or MariaDB's own.
//
//   producer.transact(*connection, [&](outbox::connector_cpp_transaction& tx, outbox::outgoing&
//   out) {
//       tx.execute("update orders set state = 'paid' where id = 42");    // or tx.connection()
//       out.send({.to = order_paid, .key = outbox::order_key{42}});
//   });
//
// What you send there travels with COMMIT on MariaDB, and takes one trip to the server for any
// number of messages on MySQL. End the transaction through `tx` or not at all: a statement that
// commits implicitly, such as ALTER TABLE, makes its commit() throw, and what was done before it is
// in the database, without its messages.
//
// In a transaction of your own, after setAutoCommit(false),
//
//   producer.send(*connection, message);
//
// writes the message at once. A connection in autocommit mode is refused, also after the text
// "start transaction", which the driver does not notice. When a send fails, the transaction is
// rolled back, and nothing else can be written before your own commit() or rollback(). An
// `outgoing` that is kept beyond them sends with what comes next on the connection: between two
// transactions the driver looks as it does within one. Connector/C++ 1.1 does not tell when
// commit() fails: send the text "commit", or use a connector_cpp_transaction.
//
// The producer's user needs: insert on outbox_message, select on outbox_relay.

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/adapter.hpp"
#include "outbox/store/connection_notes.hpp"
#include "outbox/store/mysql/applied_sql.hpp"
#include "outbox/store/mysql/binding.hpp"
#include "outbox/store/mysql/consumed_sql.hpp"
#include "outbox/store/mysql/put.hpp"
#include "outbox/store/mysql/transaction_sql.hpp"
#include "outbox/store/store_session.hpp"
#include "outbox/store/text_transaction.hpp"

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sql {
class Connection;
class SQLException;
} // namespace sql

namespace outbox {
namespace mysql {

template <class Type>
concept known_type = requires {
    sizeof(Type);
};

/// Templates, so that nothing is asked of the user's headers before he uses the door.
template <class Connection, class SqlException>
class connector_cpp_client {
    static_assert(
        known_type<Connection> && known_type<SqlException>,
        "include the headers of your Connector/C++: <cppconn/connection.h>, <cppconn/statement.h>, "
        "<cppconn/resultset.h> and <cppconn/exception.h>, or <mysql/jdbc.h>, or "
        "<mariadb/conncpp.hpp>"
    );

public:
    using connection = Connection;

    explicit connector_cpp_client(Connection& db) noexcept : db_(&db) {}

    const void* identity() const noexcept { return db_; }

    void run(const std::string& sql) {
        const std::unique_ptr statement = make_statement();
        statement->executeUpdate(sql);
    }

    connection_note ask(const std::string& sql) {
        const std::unique_ptr statement = make_statement();
        const auto rows = own(statement->executeQuery(sql));
        rows->next();
        return {
            .doorbell = rows->getString(1).c_str(),
            .server_version = rows->getString(2).c_str()};
    }

    std::vector<std::string> list(const std::string& sql, std::size_t) {
        return list_if_any(sql).value_or(std::vector<std::string>{});
    }

    /// Nothing: what `sql` answers with has no columns.
    std::optional<std::vector<std::string>> list_if_any(const std::string& sql) {
        const std::unique_ptr statement = make_statement();
        if (!statement->execute(sql))
            return std::nullopt;
        const auto rows = own(statement->getResultSet());
        std::vector<std::string> texts;
        while (rows->next())
            texts.emplace_back(rows->getString(1).c_str());
        while (statement->getMoreResults()) // a compound statement also says how it ended
            own(statement->getResultSet());
        return texts;
    }

    bool lists_from_begin() const noexcept { return true; }

    /// For a transaction that must not be committed while a result of the user's is unread, and the
    /// driver says nothing to the server before that is gone. It ends the session when the user's
    /// last statement is gone, too.
    void cut_off() noexcept {
        try {
            db_->close();
        } catch (...) { // it is closed
        }
    }

    static const transaction_sql&
    commands(const outbox_name& to, const std::string& server_version) {
        return text_commands(to, server_version);
    }

    static text_failure judge(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (SqlException& e) { // MariaDB's getErrorCode() is not const
            switch (const auto code = e.getErrorCode()) {
            case 1568: // ER_CANT_CHANGE_TX_CHARACTERISTICS
                return text_failure::already_open;
            case unbound:
                return text_failure::not_open;
            case 1146: // ER_NO_SUCH_TABLE
                return text_failure::no_tables;
            case 2014: // CR_COMMANDS_OUT_OF_SYNC
                return text_failure::unread;
            case 1053: // ER_SERVER_SHUTDOWN
            case 1927: // ER_CONNECTION_KILLED
                return text_failure::lost;
            default: // the driver's own begin at 2000; none at all is the driver's, too
                return code == 0 || (code >= 2000 && code < 3000) ? text_failure::lost
                                                                  : text_failure::refused;
            }
        } catch (...) {
            return text_failure::lost;
        }
    }

private:
    template <class Object>
    static std::unique_ptr<Object> own(Object* made) {
        return std::unique_ptr<Object>{made};
    }
    auto make_statement() { return own(db_->createStatement()); }

    Connection* db_;
};

/// For `join` and `send` on a connection.
template <class Client>
class connector_cpp_session final : public store_session {
public:
    explicit connector_cpp_session(typename Client::connection& db, const outbox_name& to = {})
        : db_(&db)
        , to_(to) {}

    void require_open() override {
        if (db_->getAutoCommit())
            throw error(
                error_kind::not_in_transaction,
                "a message was sent on a MySQL connection in autocommit mode",
                "say setAutoCommit(false) before your first change, or use producer.transact()"
            );
    }

    void insert(std::span<const envelope> rows) override {
        Client client{*db_};
        try {
            for (const std::string& text : put::insert(to_, rows, binding::autocommit_off))
                client.run(text);
            const tick_point now = system_clock().ticks();
            if (!recall_note(db_, to_, now)) {
                connection_note note = client.ask(client.commands(to_, {}).ask());
                note.asked_at = now;
                remember_note(db_, to_, note);
            }
        } catch (...) {
            explain_text_failure<Client>(std::current_exception(), to_);
        }
    }

    bool cancel(const message_id& id) override {
        return change_scheduled(put::cancel(to_, id, binding::autocommit_off));
    }
    bool replace(const envelope& row) override {
        return change_scheduled(put::replace(to_, row, binding::autocommit_off));
    }

    std::vector<bytes> note_consumed(const consumed_batch& batch) override {
        require_open();
        Client client{*db_};
        const auto texts = consumed_sql::note(
            to_,
            batch,
            consumed_sql::answer::returned_or_asked_for,
            binding::autocommit_off
        );
        try {
            if (const auto keys = client.list_if_any(texts.front()))
                return keys_from_hex(*keys);
            return keys_from_hex(client.list(texts.back(), batch.keys.size()));
        } catch (...) {
            explain_text_failure<Client>(std::current_exception(), to_);
        }
    }
    std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) override {
        Client client{*db_};
        return std::stoul(
            list_text_answer(client, consumed_sql::forget(to_, age, rows_max), to_, 1).at(0)
        );
    }
    std::vector<std::string> ask_applied(const applied_question& about) override {
        require_open();
        Client client{*db_};
        return list_text_answer(
            client,
            applied_sql::texts(to_, about, binding::autocommit_off),
            to_,
            1
        );
    }

    /// A failed statement is not a failed transaction here (a lock wait timeout undoes only the
    /// statement), so it is rolled back, and what the user goes on with may not write. While a
    /// result of his is unread that cannot be: then the connection is closed.
    void poison() noexcept override {
        try {
            Client client{*db_};
            client.run("rollback");
            if (!db_->getAutoCommit()) // else that would hit the next statement, which is not ours
                client.run("set transaction read only");
        } catch (...) { // else the connection is lost, and the transaction with it
            if (Client::judge(std::current_exception()) == text_failure::unread)
                Client{*db_}.cut_off();
        }
    }

    std::string doorbell() override {
        const auto note = recall_note(db_, to_, system_clock().ticks());
        return note ? note->doorbell : std::string{};
    }

private:
    bool change_scheduled(const std::vector<std::string>& texts) {
        Client client{*db_};
        try {
            for (std::size_t i = 0; i + 1 < texts.size(); ++i)
                client.run(texts[i]);
            return client.ask(texts.back()).doorbell == "1"; // the first of the two texts
        } catch (...) {
            explain_text_failure<Client>(std::current_exception(), to_);
        }
    }

    typename Client::connection* db_;
    outbox_name to_;
};

template <class Connection, class SqlException>
class connector_cpp_transaction final
    : public text_transaction<connector_cpp_client<Connection, SqlException>> {
public:
    explicit connector_cpp_transaction(Connection& db, const outbox_name& to = {})
        : connector_cpp_transaction::text_transaction(db, to)
        , db_(&db) {}
    connector_cpp_transaction(Connection& db, pending_messages& pending)
        : connector_cpp_transaction::text_transaction(db, pending)
        , db_(&db) {}

    /// For your own statements. Its commit(), rollback() and setAutoCommit() are not for use here.
    Connection& connection() const noexcept { return *db_; }

    // For the producer.
    connector_cpp_transaction& user_face() noexcept { return *this; }

private:
    Connection* db_;
};

} // namespace mysql

/// What `transact` opens. You may also open one yourself, say producer.send(tx, message), which
/// writes at once, and tx.commit().
using connector_cpp_transaction =
    mysql::connector_cpp_transaction<sql::Connection, sql::SQLException>;

template <>
struct adapter<sql::Connection> {
    using session = mysql::connector_cpp_session<
        mysql::connector_cpp_client<sql::Connection, sql::SQLException>>;
};

template <>
struct connector<sql::Connection> {
    using transaction = connector_cpp_transaction;
};

template <>
struct adapter<connector_cpp_transaction> {
    using session = text_session<connector_cpp_transaction>;
};

} // namespace outbox
