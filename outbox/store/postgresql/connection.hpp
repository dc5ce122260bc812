#pragma once
// One session on a PostgreSQL server, through libpq. Every call has a deadline of its own: the
// server's timeouts end what takes too long there, and when nothing at all comes back in time the
// connection counts as lost.
//
// It speaks for one outbox of its database: what it is told to run is said of the usual outbox, and
// it puts the name of its own in (outbox_name::in), also in what errors say.
//
// One thread. After an error of kind `unreachable` the object is of no more use.

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
struct pg_conn;
struct pg_result;
}

namespace outbox::postgresql {

/// What the server said no to, with its five-character SQLSTATE.
class sql_error : public error {
public:
    sql_error(error_kind kind, const std::string& what, const std::string& hint, std::string state)
        : error(kind, what, hint)
        , state_(std::move(state)) {}

    const std::string& sqlstate() const noexcept { return state_; }

private:
    std::string state_;
};

/// The rows of one answer, in binary format. Rows and columns count from 0; the getters want a
/// value of the named type that is not null.
class rows {
public:
    explicit rows(pg_result* taken) noexcept : result_(taken) {}

    int count() const noexcept;
    bool is_null(int row, int column) const noexcept;
    /// bytea, text and uuid as they are. Valid as long as this object.
    std::string_view bytes(int row, int column) const noexcept;
    std::string text(int row, int column) const { return std::string{bytes(row, column)}; }
    /// int2, int4, int8 and xid8.
    std::int64_t number(int row, int column) const noexcept;
    bool truth(int row, int column) const noexcept;
    time_point time(int row, int column) const noexcept;
    /// Rows that the statement changed.
    std::int64_t touched() const noexcept;

private:
    struct clear {
        void operator()(pg_result* result) const noexcept;
    };
    std::unique_ptr<pg_result, clear> result_;
};

/// A statement that is prepared on its first use. Lives for the whole program; `name` is unique.
struct statement {
    const char* name;
    const char* sql;
    /// What could not be done when it fails, such as "cannot renew the relay's lease".
    const char* failure;
};

/// Values for $1, $2, … of a statement.
class parameters {
public:
    parameters& add(std::int64_t number) { return add(std::to_string(number)); }
    parameters& add(std::string text);
    /// A value in the binary format of its type.
    parameters& add_binary(std::string value);

private:
    friend class connection;
    std::vector<std::string> values_;
    std::vector<int> formats_;
};

struct timeouts {
    /// For each host and address of the URL; whole seconds, from 2. `connect_timeout` there wins.
    std::chrono::milliseconds connect{5'000};
    /// Set on the server for each statement.
    std::chrono::milliseconds statement{10'000};
    std::chrono::milliseconds lock{2'000};
    /// No answer for this long: the connection is lost. Longer than `statement`, so that the server
    /// speaks first.
    std::chrono::milliseconds answer{15'000};
};

class connection {
public:
    /// Connects to `url` and runs `setup`, SQL that sets the session up. Throws unreachable.
    connection(
        const std::string& url,
        const timeouts& limits,
        const std::string& setup = {},
        const outbox_name& name = {}
    );

    const outbox_name& name() const noexcept { return name_; }

    /// One or several statements in one trip, without parameters.
    void execute(const std::string& sql, const char* failure);
    /// As execute(), and returns the rows of the last statement, in text format.
    rows query(const std::string& sql, const char* failure);
    /// One prepared statement.
    rows run(const statement& what, const parameters& values = {});

private:
    struct finish {
        void operator()(pg_conn* raw) const noexcept;
    };

    void connect(const std::string& url, const timeouts& limits);
    void wait_for(short events, tick_point deadline);
    void flush(tick_point deadline);
    rows take_answer(const char* failure);
    [[noreturn]] void lost(const std::string& why);
    [[noreturn]] void refuse(const pg_result* result, const char* failure);

    std::unique_ptr<pg_conn, finish> raw_;
    std::chrono::milliseconds answer_timeout_;
    std::string server_;
    outbox_name name_;
    std::vector<const char*> prepared_;
};

/// The URL without its password: what may be shown.
std::string display_name(const std::string& url);

} // namespace outbox::postgresql
