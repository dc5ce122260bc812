#include "outbox/store/mysql/mysql.hpp"

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/mysql/applied_sql.hpp"
#include "outbox/store/mysql/connection.hpp"
#include "outbox/store/mysql/consumed_sql.hpp"
#include "outbox/store/mysql/put.hpp"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>

namespace outbox {
namespace {

using mysql::make_error;
using mysql::rows;

// Gone with the transaction that it was made in, however that ended: so a COMMIT that would commit
// something else fails before it.
constexpr const char* begin_words = "start transaction; savepoint outbox_transaction";
constexpr const char* still_there = "release savepoint outbox_transaction";

bool is_in_transaction(st_mysql* db) {
    unsigned status = 0;
    mariadb_get_infov(db, MARIADB_CONNECTION_SERVER_STATUS, &status);
    return (status & SERVER_STATUS_IN_TRANS) != 0 || (status & SERVER_STATUS_AUTOCOMMIT) == 0;
}

bool takes_many_statements(const st_mysql* db) {
    return (db->client_flag & CLIENT_MULTI_STATEMENTS) != 0;
}

mysql::sql_error last_error(st_mysql* db, const char* failure, const outbox_name& to) {
    return make_error(mysql_errno(db), std::string{failure} + ": " + mysql_error(db), to);
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
            throw last_error(db, failure, to);
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
        throw error(
            error_kind::not_in_transaction,
            "a message was sent on a MySQL connection without an open transaction",
            "send between START TRANSACTION and COMMIT, or use producer.transact()"
        );
}

void mysql_session::insert(std::span<const envelope> messages) {
    for (const std::string& statement : mysql::put::insert(to_, messages))
        if (run(db_, statement).code != 0)
            throw last_error(db_, "cannot write a message into the outbox", to_);
}

bool mysql_session::cancel(const message_id& id) {
    return change_scheduled(db_, to_, mysql::put::cancel(to_, id));
}

bool mysql_session::replace(const envelope& row) {
    return change_scheduled(db_, to_, mysql::put::replace(to_, row));
}

void mysql_session::poison() noexcept {
    mysql_rollback(db_);
}

std::string mysql_session::doorbell() {
    if (const auto known = known_doorbell(db_, to_))
        return *known;
    const outcome asked = run(db_, mysql::put::ask_doorbell(to_));
    if (asked.code != 0)
        throw last_error(db_, "cannot read where the relay listens", to_);
    remember_doorbell(db_, to_, asked.value);
    return asked.value;
}

std::vector<bytes> mysql_session::note_consumed(const consumed_batch& batch) {
    require_open();
    outcome done;
    for (const std::string& statement : mysql::consumed_sql::note(to_, batch))
        if (!done.has_column && (done = run(db_, statement)).code != 0)
            throw last_error(db_, "cannot note what a consumer has done", to_);
    return keys_from_hex(done.column);
}

std::size_t mysql_session::forget_consumed(std::chrono::seconds age, std::size_t rows_max) {
    const auto statements = mysql::consumed_sql::forget(to_, age, rows_max);
    return std::stoul(run_each(db_, statements, "cannot forget what a consumer has done", to_).value
    );
}

std::vector<std::string> mysql_session::ask_applied(const applied_question& about) {
    require_open();
    const auto statements = mysql::applied_sql::texts(to_, about);
    return run_each(db_, statements, "cannot note what a consumer has done", to_).column;
}

mysql_transaction::mysql_transaction(st_mysql& db, pending_messages& pending)
    : db_(&db)
    , pending_(&pending)
    , process_(::getpid()) {
    if (is_in_transaction(db_))
        throw usage_error("outbox: transact() on a MySQL connection that is inside a transaction "
                          "already, or in autocommit = 0; use join()");
    const outbox_name& to = pending_->to;
    const auto known = known_doorbell(db_, to);
    const auto check = [&](const outcome& done) {
        if (done.code != 0) {
            const mysql::sql_error failure = last_error(db_, "cannot begin a transaction", to);
            mysql_rollback(db_);
            throw failure;
        }
        return done;
    };
    if (takes_many_statements(db_) && known && pending_->to_note != nullptr) {
        std::string words = begin_words;
        for (const std::string& statement : mysql::consumed_sql::note(
                 to,
                 *pending_->to_note,
                 mysql::consumed_sql::answer::asked_for
             ))
            words += "; " + statement;
        pending_->noted = keys_from_hex(check(run(db_, words)).column);
    } else if (takes_many_statements(db_)) {
        const std::string asking = known ? "" : mysql::put::ask_doorbell(to) + "; ";
        doorbell_ = check(run(db_, asking + begin_words)).value;
    } else {
        if (!known)
            doorbell_ = check(run(db_, mysql::put::ask_doorbell(to))).value;
        check(run(db_, "start transaction"));
        check(run(db_, "savepoint outbox_transaction"));
    }
    if (known)
        doorbell_ = *known;
    else
        remember_doorbell(db_, to, doorbell_);
}

mysql_transaction::~mysql_transaction() {
    if (open_ && process_ == ::getpid())
        mysql_rollback(db_);
}

void mysql_transaction::execute(const std::string& sql) {
    if (run(db_, sql).code != 0)
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
    std::vector<std::string> statements{still_there};
    for (std::string& statement : mysql::put::insert(pending_->to, pending_->rows))
        statements.push_back(std::move(statement));
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
        trips.back() += "; commit";
    else
        trips.emplace_back("commit");

    int answered = 0;
    for (std::size_t i = 0; i < trips.size(); ++i) {
        const bool is_last = i + 1 == trips.size();
        const outcome done = run(db_, trips[i]);
        answered += done.answers;
        if (done.code == 0)
            continue;
        if (done.code == CR_COMMANDS_OUT_OF_SYNC)
            throw usage_error(
                "outbox: the work of transact() left a result unread; fetch or free it"
            );
        if (is_last && mysql::is_connection_lost(done.code))
            lost_while_committing(mysql_error(db_));
        if (done.code == ER_SP_DOES_NOT_EXIST)
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
