#include "outbox/store/mysql/mysql.hpp"

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/mysql/applied_sql.hpp"
#include "outbox/store/mysql/connection.hpp"
#include "outbox/store/mysql/consumed_sql.hpp"
#include "outbox/store/mysql/put.hpp"
#include "outbox/store/mysql/transaction_sql.hpp"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace outbox {
namespace {

using mysql::make_error;
using mysql::rows;

using mysql::binding;

// What the server said last. An error does not say it, and so a deadlock does not show here.
unsigned status_of(st_mysql* db) {
    unsigned status = 0;
    mariadb_get_infov(db, MARIADB_CONNECTION_SERVER_STATUS, &status);
    return status;
}

bool is_autocommit_off(st_mysql* db) {
    return (status_of(db) & SERVER_STATUS_AUTOCOMMIT) == 0;
}

bool is_in_transaction(st_mysql* db) {
    return is_autocommit_off(db) || (status_of(db) & SERVER_STATUS_IN_TRANS) != 0;
}

bool takes_many_statements(const st_mysql* db) {
    return (db->client_flag & CLIENT_MULTI_STATEMENTS) != 0;
}

mysql::sql_error last_error(st_mysql* db, const char* failure, const outbox_name& to) {
    return make_error(mysql_errno(db), std::string{failure} + ": " + mysql_error(db), to);
}

[[noreturn]] void refuse_unbound() {
    throw error(
        error_kind::not_in_transaction,
        "a message was sent on a MySQL connection without an open transaction, or after the server "
        "had rolled it back",
        "send between START TRANSACTION and COMMIT and look at what each statement returns, or use "
        "producer.transact()"
    );
}

[[noreturn]] void refuse_unread() {
    throw usage_error("outbox: a result is unread on this connection, so that nothing can be said "
                      "to the server; fetch all its rows or free it before you send or commit");
}

[[noreturn]] void fail(st_mysql* db, const char* failure, const outbox_name& to) {
    if (mysql_errno(db) == mysql::unbound)
        refuse_unbound();
    if (mysql_errno(db) == CR_COMMANDS_OUT_OF_SYNC)
        refuse_unread();
    throw last_error(db, failure, to);
}

struct outcome {
    unsigned code = 0;
    /// How many statements have answered.
    int answers = 0;
    /// The first column of the first row of the last answer that has one.
    std::string value{};
    /// The first column of all rows of the last answer that has any columns.
    std::vector<std::string> column{};
    /// Whether there was such an answer.
    bool has_column = false;
};

// One or several statements; reads all answers.
outcome run(st_mysql* db, const std::string& sql) {
    outcome result;
    if (mysql_real_query(db, sql.data(), sql.size()) != 0) {
        result.code = mysql_errno(db);
        return result;
    }
    while (true) {
        if (st_mysql_res* taken = mysql_store_result(db); taken != nullptr) {
            rows answer{taken};
            result.column.clear();
            result.has_column = true;
            while (answer.next())
                result.column.push_back(answer.text(0));
            if (!result.column.empty())
                result.value = result.column.front();
        } else if (mysql_field_count(db) != 0) {
            result.code = mysql_errno(db);
            return result;
        }
        ++result.answers;
        const int more = mysql_next_result(db);
        if (more < 0)
            return result;
        if (more > 0) {
            result.code = mysql_errno(db);
            return result;
        }
    }
}

// In one trip where the client may, else one by one up to the first that fails.
outcome run_all(st_mysql* db, const std::vector<std::string>& statements) {
    if (takes_many_statements(db)) {
        std::string all;
        for (const std::string& statement : statements)
            all += (all.empty() ? "" : "; ") + statement;
        return run(db, all);
    }
    outcome all;
    for (const std::string& statement : statements) {
        outcome one = run(db, statement);
        one.answers += all.answers;
        if (!one.has_column) {
            one.value = std::move(all.value);
            one.column = std::move(all.column);
            one.has_column = all.has_column;
        }
        all = std::move(one);
        if (all.code != 0)
            break;
    }
    return all;
}

// The server then rolls back. For a transaction that must not be committed while a result of the
// user's is unread: libmariadb says nothing to the server before that is gone, and what the user
// says next may be "commit".
void cut_off(st_mysql* db) {
    ::shutdown(mysql_get_socket(db), SHUT_RDWR);
}

// Where the server cannot be told, the connection is lost, and the transaction with it.
void roll_back(st_mysql* db, const outbox_name& to) {
    if (run_all(db, mysql::single_commands(to).rollback()).code == CR_COMMANDS_OUT_OF_SYNC)
        cut_off(db);
}

outcome run_each(
    st_mysql* db,
    const std::vector<std::string>& statements,
    const char* failure,
    const outbox_name& to
) {
    outcome done;
    for (const std::string& statement : statements) {
        done = run(db, statement);
        if (done.code != 0)
            fail(db, failure, to);
    }
    return done;
}

bool change_scheduled(
    st_mysql* db,
    const outbox_name& to,
    const std::vector<std::string>& statements
) {
    return run_each(db, statements, "cannot change a scheduled message", to).value == "1";
}

// ---- where the relay listens, remembered for each connection
// --------------------------------------

struct doorbell_note {
    unsigned long session = 0;
    std::string address{};
    tick_point read_at{};
};

constexpr auto doorbell_note_good_for = std::chrono::seconds{60};
constexpr std::size_t doorbell_notes_max = 1'024;

std::mutex doorbell_mutex;
using noted = std::pair<const void*, outbox_name>;
std::map<noted, doorbell_note>& doorbell_notes() {
    static std::map<noted, doorbell_note> notes;
    return notes;
}

std::optional<std::string> known_doorbell(st_mysql* db, const outbox_name& to) {
    const std::lock_guard lock{doorbell_mutex};
    const auto found = doorbell_notes().find({db, to});
    if (found == doorbell_notes().end() || found->second.session != mysql_thread_id(db) ||
        system_clock().ticks() - found->second.read_at > doorbell_note_good_for)
        return std::nullopt;
    return found->second.address;
}

void remember_doorbell(st_mysql* db, const outbox_name& to, const std::string& address) {
    const std::lock_guard lock{doorbell_mutex};
    auto& notes = doorbell_notes();
    if (notes.size() >= doorbell_notes_max) // of connections that are closed, most of them
        notes.clear();
    notes[{db, to}] = {mysql_thread_id(db), address, system_clock().ticks()};
}

std::optional<std::string> ask_doorbell(st_mysql* db, const outbox_name& to) {
    const outcome asked = run(db, mysql::put::ask_doorbell(to));
    if (asked.code != 0)
        return std::nullopt;
    remember_doorbell(db, to, asked.value);
    return asked.value;
}

[[noreturn]] void lost_while_committing(const std::string& why) {
    throw error(
        error_kind::in_doubt,
        "the connection was lost while committing; whether the transaction is there is not "
        "known: " +
            why,
        "look in the database whether the change is there; do not repeat it blindly"
    );
}

} // namespace

void mysql_session::require_open() {
    if (!is_in_transaction(db_))
        refuse_unbound();
}

// MySQL, which has no words for it, is asked.
binding mysql_session::bind() {
    require_open();
    if (is_autocommit_off(db_))
        return binding::autocommit_off;
    if (mariadb_connection(db_) != 0)
        return binding::transaction;
    require_open_now();
    return binding::none;
}

void mysql_session::require_open_now() {
    if (run(db_, "do 0").code != 0)
        fail(db_, "cannot ask whether a transaction is open", to_);
    ended_unseen_ = !is_in_transaction(db_);
    if (ended_unseen_)
        refuse_unbound();
}

void mysql_session::insert(std::span<const envelope> messages) {
    for (const std::string& statement : mysql::put::insert(to_, messages, bind()))
        if (run(db_, statement).code != 0)
            fail(db_, "cannot write a message into the outbox", to_);
    if (is_autocommit_off(db_) && !known_doorbell(db_, to_) && !ask_doorbell(db_, to_))
        fail(db_, "cannot read where the relay listens", to_);
}

bool mysql_session::cancel(const message_id& id) {
    return change_scheduled(db_, to_, mysql::put::cancel(to_, id, bind()));
}

bool mysql_session::replace(const envelope& row) {
    return change_scheduled(db_, to_, mysql::put::replace(to_, row, bind()));
}

void mysql_session::poison() noexcept {
    // Without a transaction there is nothing to take back; but who believes that his is still open
    // goes on, and what he changes then would commit by itself.
    const bool user_goes_on = std::exchange(ended_unseen_, false);
    if (!is_in_transaction(db_) && !user_goes_on)
        return;
    if (mysql_rollback(db_) != 0 && mysql_errno(db_) == CR_COMMANDS_OUT_OF_SYNC) {
        cut_off(db_);
        return;
    }
    mysql_query(
        db_,
        is_autocommit_off(db_) ? "set transaction read only" : "start transaction read only"
    );
}

// After the user's COMMIT: at SERIALIZABLE the relay's row would stay locked until then. With
// autocommit mode off the question itself begins a transaction, so it is asked with the messages.
std::string mysql_session::doorbell() {
    std::optional<std::string> address = known_doorbell(db_, to_);
    if (!address && !is_in_transaction(db_))
        address = ask_doorbell(db_, to_);
    return address.value_or(std::string{});
}

std::vector<bytes> mysql_session::note_consumed(const consumed_batch& batch) {
    outcome done;
    for (const std::string& statement : mysql::consumed_sql::note(
             to_,
             batch,
             mysql::consumed_sql::answer::returned_or_asked_for,
             bind()
         ))
        if (!done.has_column && (done = run(db_, statement)).code != 0)
            fail(db_, "cannot note what a consumer has done", to_);
    return keys_from_hex(done.column);
}

std::size_t mysql_session::forget_consumed(std::chrono::seconds age, std::size_t rows_max) {
    const auto statements = mysql::consumed_sql::forget(to_, age, rows_max);
    return std::stoul(run_each(db_, statements, "cannot forget what a consumer has done", to_).value
    );
}

std::vector<std::string> mysql_session::ask_applied(const applied_question& about) {
    outcome done;
    for (const std::string& statement : mysql::applied_sql::texts(to_, about, bind()))
        if ((done = run(db_, statement)).code != 0)
            fail(db_, "cannot note what a consumer has done", to_);
    return done.column;
}

namespace {

[[noreturn]] void refuse_nesting() {
    throw usage_error("outbox: transact() on a MySQL connection that is inside a transaction "
                      "already, or in autocommit = 0; use join()");
}

} // namespace

mysql_transaction::mysql_transaction(st_mysql& db, pending_messages& pending)
    : db_(&db)
    , pending_(&pending)
    , process_(::getpid()) {
    if (is_in_transaction(db_))
        refuse_nesting();
    const outbox_name& to = pending_->to;
    const auto known = known_doorbell(db_, to);
    std::vector<std::string> statements;
    const auto append = [&](std::vector<std::string> more) {
        for (std::string& each : more)
            statements.push_back(std::move(each));
    };
    if (!known)
        statements.push_back(mysql::put::ask_doorbell(to));
    append(mysql::single_commands(to).begin());
    const bool noting = takes_many_statements(db_) && known && pending_->to_note != nullptr;
    if (noting)
        append(mysql::consumed_sql::note(
            to,
            *pending_->to_note,
            mysql::consumed_sql::answer::asked_for
        ));
    const outcome done = run_all(db_, statements);
    if (done.code == ER_CANT_CHANGE_TX_CHARACTERISTICS)
        refuse_nesting();
    if (done.code == CR_COMMANDS_OUT_OF_SYNC) // nothing is begun, so there is nothing to take back
        refuse_unread();
    if (done.code != 0) {
        const mysql::sql_error failure = last_error(db_, "cannot begin a transaction", to);
        roll_back(db_, to);
        throw failure;
    }
    if (noting)
        pending_->noted = keys_from_hex(done.column);
    doorbell_ = known ? *known : done.value;
    if (!known)
        remember_doorbell(db_, to, doorbell_);
}

mysql_transaction::~mysql_transaction() {
    if (open_ && process_ == ::getpid())
        roll_back(db_, pending_->to);
}

void mysql_transaction::execute(const std::string& sql) {
    const unsigned code = run(db_, sql).code;
    if (code == CR_COMMANDS_OUT_OF_SYNC)
        refuse_unread();
    if (code != 0)
        throw last_error(db_, ("the server refused \"" + sql + "\"").c_str(), pending_->to);
}

void mysql_transaction::commit() {
    if (process_ != ::getpid())
        throw usage_error("outbox: a forked child cannot end a transaction of its parent's; open a "
                          "connection of its own");
    if (!pending_->poisoned_by.empty())
        throw error(
            error_kind::rejected,
            "the transaction is rolled back because a message could not be sent: " +
                pending_->poisoned_by
        );
    std::vector<std::string> statements =
        mysql::single_commands(pending_->to).commit(pending_->rows);
    const std::string commit_words = std::move(statements.back());
    statements.pop_back();
    // Together with COMMIT goes what one packet surely holds; what does not goes before.
    std::vector<std::string> trips;
    const bool together = takes_many_statements(db_);
    for (const std::string& statement : statements) {
        const bool fits = together && !trips.empty() &&
                          trips.back().size() + statement.size() < mysql::put::statement_bytes_max;
        if (fits)
            trips.back() += "; " + statement;
        else
            trips.push_back(statement);
    }
    if (together)
        trips.back() += "; " + commit_words;
    else
        trips.push_back(commit_words);

    int answered = 0;
    for (std::size_t i = 0; i < trips.size(); ++i) {
        const bool is_last = i + 1 == trips.size();
        const outcome done = run(db_, trips[i]);
        answered += done.answers;
        if (done.code == 0)
            continue;
        if (done.code == CR_COMMANDS_OUT_OF_SYNC)
            refuse_unread();
        if (is_last && mysql::is_connection_lost(done.code))
            lost_while_committing(mysql_error(db_));
        if (done.code == ER_SP_DOES_NOT_EXIST || done.code == mysql::unbound)
            throw error(
                error_kind::rejected,
                "the transaction of transact() was ended before its COMMIT, by a deadlock, a lost "
                "connection or a statement of its own work",
                "do not commit, roll back or change tables inside; let the work end by an "
                "exception "
                "when a statement fails"
            );
        throw last_error(
            db_,
            answered < static_cast<int>(statements.size())
                ? "the messages cannot be written, so nothing is committed"
                : "the server did not commit",
            pending_->to
        );
    }
    open_ = false;
}

} // namespace outbox
