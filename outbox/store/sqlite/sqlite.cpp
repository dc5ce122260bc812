#include "outbox/store/sqlite/sqlite.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/store/sqlite/applied_sql.hpp"
#include "outbox/store/sqlite/consumed_sql.hpp"
#include "outbox/store/sqlite/now.hpp"
#include "outbox/store/sqlite/put.hpp"
#include "outbox/store/sqlite/statement.hpp"

#include <unistd.h>

#include <optional>
#include <vector>

namespace outbox {
namespace {

// What names a table, made once for each outbox.
struct texts {
    explicit texts(const outbox_name& to)
        : put(to.in("insert into outbox_message (message_id, subject, order_key, headers, payload) "
                    "values (?1, ?2, ?3, ?4, ?5)"))
        , schedule(to.in("insert into outbox_scheduled (message_id, subject, order_key, headers, "
                         "payload, due_at) "
                         "values (?1, ?2, ?3, ?4, ?5, ?6 + iif(?7, " OUTBOX_SQLITE_NOW ", 0))"))
        , find_doorbell(to.in("select doorbell from outbox_relay where shard = 0"))
        , note(to.in("insert into outbox_consumed (group_name, message_key) values (?1, ?2)"
                     " on conflict do nothing returning 1")) {}

    std::string put;
    std::string schedule;
    std::string find_doorbell;
    std::string note;
};

// The texts that the last of them answers with.
std::vector<std::string>
list(sqlite3* db, const std::vector<std::string>& statements, const std::string& doing) {
    for (std::size_t i = 0; i + 1 < statements.size(); ++i)
        sqlite::execute(db, statements[i].c_str(), doing);
    sqlite::statement last{db, statements.back().c_str(), doing};
    std::vector<std::string> texts;
    while (last.step())
        texts.push_back(last.blob(0));
    return texts;
}

std::string
value_of(sqlite3* db, const std::vector<std::string>& statements, const std::string& doing) {
    const std::vector<std::string> texts = list(db, statements, doing);
    return texts.empty() ? std::string{} : texts.front();
}

bool change_scheduled(sqlite3* db, const std::vector<std::string>& statements) {
    return value_of(db, statements, "cannot change a scheduled message") == "1";
}

} // namespace

void sqlite_session::require_open() {
    if (sqlite3_get_autocommit(db_) != 0)
        throw error(
            error_kind::not_in_transaction,
            "a message was sent on a SQLite connection without an open transaction",
            "send between BEGIN and COMMIT, or use producer.transact()"
        );
}

void sqlite_session::insert(std::span<const envelope> rows) {
    const std::string doing = "cannot write a message into the outbox";
    const texts& known = made_for<texts>(to_);
    std::optional<sqlite::statement> now;
    std::optional<sqlite::statement> later;
    for (const envelope& row : rows) {
        if (row.deliver && !later)
            later.emplace(db_, known.schedule.c_str(), doing);
        else if (!row.deliver && !now)
            now.emplace(db_, known.put.c_str(), doing);
        sqlite::statement& put = row.deliver ? *later : *now;
        if (row.deliver) {
            const auto* delay = row.deliver->delay();
            put.bind(6, (delay != nullptr ? *delay : row.deliver->since_epoch()).count())
                .bind(7, delay != nullptr ? 1 : 0);
        }
        put.bind_blob(1, row.id.raw()).bind_text(2, row.subject);
        if (row.key)
            put.bind_blob(3, *row.key);
        else
            put.bind_null(3);
        put.bind_blob(4, row.headers).bind_blob(5, row.payload);
        put.step();
        put.reset();
    }
}

bool sqlite_session::cancel(const message_id& id) {
    require_open();
    return change_scheduled(db_, sqlite::put::cancel(to_, id));
}

bool sqlite_session::replace(const envelope& row) {
    require_open();
    return change_scheduled(db_, sqlite::put::replace(to_, row));
}

void sqlite_session::poison() noexcept {
    sqlite3_exec(db_, "rollback", nullptr, nullptr, nullptr);
}

std::string sqlite_session::doorbell() {
    sqlite::statement find{
        db_,
        made_for<texts>(to_).find_doorbell.c_str(),
        "cannot read where the relay listens"};
    return find.step() ? find.blob(0) : std::string{};
}

std::vector<bytes> sqlite_session::note_consumed(const consumed_batch& batch) {
    require_open();
    sqlite::statement put{
        db_,
        made_for<texts>(to_).note.c_str(),
        "cannot note what a consumer has done"};
    std::vector<bytes> noted;
    for (const bytes& key : batch.keys) {
        put.bind_text(1, std::string{batch.group}).bind_blob(2, key);
        if (put.step())
            noted.push_back(key);
        put.reset();
    }
    return noted;
}

std::size_t sqlite_session::forget_consumed(std::chrono::seconds age, std::size_t rows_max) {
    return std::stoul(value_of(
        db_,
        sqlite::consumed_sql::forget(to_, age, rows_max),
        "cannot forget what a consumer has done"
    ));
}

std::vector<std::string> sqlite_session::ask_applied(const applied_question& about) {
    require_open();
    return list(
        db_,
        sqlite::applied_sql::texts(to_, about),
        "cannot note what a consumer has done"
    );
}

sqlite_transaction::sqlite_transaction(sqlite3& db, pending_messages& pending)
    : db_(&db)
    , pending_(&pending)
    , process_(::getpid()) {
    if (sqlite3_get_autocommit(db_) == 0)
        throw usage_error("outbox: transact() on a SQLite connection that is inside a transaction "
                          "already; use join()");
    sqlite::execute(db_, "begin immediate", "SQLite did not begin a transaction");
}

sqlite_transaction::~sqlite_transaction() {
    if (process_ != ::getpid())
        return;
    if (open_ && sqlite3_get_autocommit(db_) == 0)
        sqlite3_exec(db_, "rollback", nullptr, nullptr, nullptr);
    if (open_ && OUTBOX_BROKEN("producer.send_despite_rollback"))
        sqlite_session{*db_, pending_->to}.insert(pending_->rows);
}

void sqlite_transaction::execute(const std::string& sql) {
    require_open();
    sqlite::execute(db_, sql.c_str(), "SQLite refused \"" + sql + "\"");
}

// Some failures, such as a full disk, roll the whole transaction back; what came then would commit
// by itself.
void sqlite_transaction::require_open() const {
    if (sqlite3_get_autocommit(db_) != 0)
        throw usage_error(
            "outbox: the transaction of transact() was ended by a statement of its own work"
        );
}

void sqlite_transaction::commit() {
    if (process_ != ::getpid())
        throw usage_error("outbox: a forked child cannot end a transaction of its parent's; open a "
                          "connection of its own");
    require_open();
    if (!pending_->rows.empty()) {
        sqlite_session session{*db_, pending_->to};
        session.insert(pending_->rows);
        doorbell_ = session.doorbell();
    }
    const int code = sqlite3_exec(db_, "commit", nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        const error failure = sqlite::make_error(db_, code, "SQLite did not commit");
        // The commit record may have reached the disk before the disk complained.
        if ((code & 0xff) == SQLITE_IOERR)
            throw error(
                error_kind::in_doubt,
                failure.what(),
                "read the row back before repeating the work"
            );
        throw failure;
    }
    open_ = false;
}

} // namespace outbox
