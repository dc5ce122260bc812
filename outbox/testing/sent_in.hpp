#pragma once
// What an open transaction sends, by whichever door. For expect_sent.hpp; look here for what it
// sees.
//
// Within `transact`: the messages that wait for COMMIT.
//
// In a transaction of your own (join, send): the rows, read through that very transaction, whose
// user must be allowed to. On PostgreSQL exactly those that this transaction wrote. On MariaDB,
// MySQL and SQLite a row does not say who wrote it: there it is every row that the transaction sees
// and that no relay has delivered, so begin a test with an empty outbox, or drain it. The same
// holds everywhere for messages that are scheduled for later; they come behind the others.
//
// The header of your client library must be included before the call; this one includes none. A
// unit of work of your own says what it stands on:
//
//   template <>
//   struct outbox::testing::stands_on<my::unit_of_work> {
//       static auto& get(my::unit_of_work& work) { return work.connection(); }
//   };

#include "outbox/store/adapter.hpp"
#include "outbox/store/outbox_name.hpp"
#include "outbox/store/text_transaction.hpp"
#include "outbox/testing/sent_message.hpp"

#include <concepts>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace outbox::testing {

template <class Tx>
struct stands_on {
    static Tx& get(Tx& tx) noexcept { return tx; }
};

namespace detail {

enum class sql_words { postgresql, mysql, sqlite };

/// Runs SQL that answers with one row of one text.
using ask_text = std::function<std::string(const std::string& sql)>;

std::vector<sent_message> read_rows(sql_words words, const outbox_name& of, const ask_text& ask);
std::vector<sent_message> take_apart_all(const pending_messages& pending);
[[noreturn]] void refuse_to_read(const std::string& why);

template <class Tx>
concept with_pending = requires(const Tx& tx) {
    { tx.pending() } -> std::convertible_to<const pending_messages*>;
};

// The calls below depend on the type of the transaction, so that their names are looked up where
// the client's header has been included.
template <class Tx>
concept of_libpqxx = requires(Tx& tx, const std::string& sql) {
    tx.exec(sql);
    tx.conn();
};
template <class Tx>
concept of_connector_cpp = requires(Tx& tx) {
    tx.createStatement();
};
template <class Tx>
concept of_sqlite = requires(Tx& tx) {
    sqlite3_errmsg(&tx);
};
template <class Tx>
concept of_libmariadb = requires(Tx& tx) {
    mysql_errno(&tx);
};

template <class Client>
Client client_behind(const text_transaction<Client>&);
template <class Tx>
concept of_text = requires(Tx& tx) {
    client_behind(tx);
};

template <class Db>
std::string ask_connector_cpp(Db& db, const std::string& sql) {
    using statement_type = std::remove_pointer_t<decltype(db.createStatement())>;
    const std::unique_ptr<statement_type> statement{db.createStatement()};
    using rows_type = std::remove_pointer_t<decltype(statement->executeQuery(sql))>;
    const std::unique_ptr<rows_type> rows{statement->executeQuery(sql)};
    rows->next();
    return rows->getString(1).c_str();
}

template <class Db>
std::string ask_sqlite(Db& db, const std::string& sql) {
    std::string found;
    const auto keep = +[](void* into, int, char** values, char**) {
        *static_cast<std::string*>(into) = values[0];
        return 0;
    };
    if (sqlite3_exec(&db, sql.c_str(), keep, &found, nullptr) != 0)
        refuse_to_read(sqlite3_errmsg(&db));
    return found;
}

template <class Db>
std::string ask_libmariadb(Db& db, const std::string& sql) {
    auto* result = mysql_query(&db, sql.c_str()) == 0 ? mysql_store_result(&db) : nullptr;
    if (result == nullptr)
        refuse_to_read(mysql_error(&db));
    const std::string found = mysql_fetch_row(result)[0];
    mysql_free_result(result);
    return found;
}

template <class Handle>
std::vector<sent_message> read_through(Handle& handle, const outbox_name& of) {
    if constexpr (of_text<Handle>) {
        using client = decltype(client_behind(handle));
        if constexpr (requires { handle.session(); }) {
            client through{handle.session()};
            const std::string backend = handle.session().get_backend_name();
            const sql_words words = backend == "postgresql" ? sql_words::postgresql
                                    : backend == "mysql"    ? sql_words::mysql
                                                            : sql_words::sqlite;
            return read_rows(words, of, [&](const std::string& sql) {
                return through.ask("select (" + sql + "), ''").doorbell;
            });
        } else {
            return read_through(handle.connection(), of);
        }
    } else if constexpr (of_libpqxx<Handle>) {
        return read_rows(sql_words::postgresql, of, [&](const std::string& sql) {
            return handle.exec(sql)[0][0].template as<std::string>();
        });
    } else if constexpr (of_connector_cpp<Handle>) {
        return read_rows(sql_words::mysql, of, [&](const std::string& sql) {
            return ask_connector_cpp(handle, sql);
        });
    } else if constexpr (of_sqlite<Handle>) {
        return read_rows(sql_words::sqlite, of, [&](const std::string& sql) {
            return ask_sqlite(handle, sql);
        });
    } else {
        static_assert(
            of_libmariadb<Handle>,
            "expect_sent() does not know how to look into this transaction: include the header of "
            "your client library, or, for a class of your own, specialise "
            "outbox::testing::stands_on (outbox/testing/sent_in.hpp)"
        );
        return read_rows(sql_words::mysql, of, [&](const std::string& sql) {
            return ask_libmariadb(handle, sql);
        });
    }
}

} // namespace detail

/// Of the outbox `of`, in the order in which they were sent, those that wait until they are due
/// behind the others when rows are read. Throws what the client throws when the rows cannot be
/// read.
template <class Tx>
std::vector<sent_message> sent_in(Tx& tx, const outbox_name& of = {}) {
    static_assert(
        joinable<Tx> || detail::with_pending<Tx>,
        "expect_sent() looks into a transaction: what transact() gives your function as its first "
        "argument, or what you give to join() or send(); not outgoing and not a connection"
    );
    if constexpr (detail::with_pending<Tx>) {
        if (const pending_messages* pending = tx.pending())
            return detail::take_apart_all(*pending);
    }
    if constexpr (joinable<Tx>)
        return detail::read_through(stands_on<Tx>::get(tx), of);
    else
        return {}; // opened by transact(), where `pending` is never null
}

} // namespace outbox::testing
