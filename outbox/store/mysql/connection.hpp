#pragma once
// One session on a MariaDB or MySQL server, through libmariadb. Every call has a deadline: the
// server's own limits end what takes too long there, and when nothing comes back in time the
// connection counts as lost. It is never opened again behind the caller's back.
//
// The session is READ COMMITTED, strict, in UTC and utf8mb4, whatever the server's defaults are.
//
// It speaks for one outbox of its database: what it is told to run is said of the usual outbox, and
// it puts the name of its own in (outbox_name::in), also in what errors say.
//
// One thread. After an error of kind `unreachable` the object is of no more use.

#include "outbox/base/bytes.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/mysql/url.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct st_mysql;
struct st_mysql_res;

namespace outbox::mysql {

/// What the server said no to, with its error number.
class sql_error : public error {
public:
    sql_error(error_kind kind, const std::string& what, const std::string& hint, unsigned code)
        : error(kind, what, hint)
        , code_(code) {}

    unsigned code() const noexcept { return code_; }

private:
    unsigned code_;
};

/// What an error number of the server or of libmariadb means for us. `what` says what failed and
/// why; `name` is the outbox that it failed on.
sql_error make_error(unsigned code, const std::string& what, const outbox_name& name);
/// The connection is gone, so that nothing is known of what was sent last.
bool is_connection_lost(unsigned code) noexcept;
/// A lock was not to be had: NOWAIT, a lock wait that ran out, a deadlock.
bool is_lock_refusal(unsigned code) noexcept;

/// The rows of one answer, from the first to the last. Columns count from 0.
class rows {
public:
    explicit rows(st_mysql_res* taken) noexcept : result_(taken) {}

    std::size_t count() const noexcept;
    /// Goes to the first row, then to the next. False: there is none.
    bool next() noexcept;
    bool is_null(int column) const noexcept { return row_[column] == nullptr; }
    /// As it is; empty for null. Valid until the next call of next().
    std::string_view bytes(int column) const noexcept;
    std::string text(int column) const { return std::string{bytes(column)}; }
    /// 0 for null.
    std::int64_t number(int column) const noexcept;

private:
    struct release {
        void operator()(st_mysql_res* result) const noexcept;
    };
    std::unique_ptr<st_mysql_res, release> result_;
    char** row_ = nullptr;
    unsigned long* sizes_ = nullptr;
};

/// Whole seconds, as libmariadb counts.
struct timeouts {
    std::chrono::seconds connect{5};
    /// Set on the server: for a statement where the server can, for a row's lock, for a table's.
    std::chrono::seconds statement{10};
    std::chrono::seconds lock{2};
    std::chrono::seconds table_lock{5};
    /// No answer for this long: the connection is lost. Longer than `statement`, so that the server
    /// speaks first.
    std::chrono::seconds answer{15};
};

class connection {
public:
    /// Throws unreachable, or rejected for a wrong password.
    connection(const server_url& where, const timeouts& limits, const outbox_name& name = {});

    /// One or several statements in one trip. Returns the rows of the last one that has any.
    /// `failure` says what could not be done, such as "cannot read the outbox".
    rows query(const std::string& sql, const char* failure);
    /// The same without rows: how many the last statement has matched.
    std::uint64_t execute(const std::string& sql, const char* failure);

    bool is_mariadb() const noexcept { return is_mariadb_; }
    const std::string& server() const noexcept { return server_; }
    const outbox_name& name() const noexcept { return name_; }

private:
    struct close {
        void operator()(st_mysql* raw) const noexcept;
    };
    [[noreturn]] void fail(const char* failure);
    rows take_answers(const char* failure);

    std::string server_;
    outbox_name name_;
    std::unique_ptr<st_mysql, close> raw_;
    bool is_mariadb_ = false;
    std::uint64_t matched_ = 0;
};

/// Text between quotes that nothing in it and no setting of the session can end: a hexadecimal
/// literal.
std::string quoted(std::string_view text);

} // namespace outbox::mysql
