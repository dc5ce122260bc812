#include "outbox/store/mysql/connection.hpp"

#include "outbox/base/hex.hpp"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>

#include <charconv>
#include <mutex>

namespace outbox::mysql {
namespace {

// Of MySQL 8, which libmariadb's header does not know.
constexpr unsigned er_lock_nowait = 3572;
constexpr unsigned er_query_timeout = 3024;

// libmariadb's first call is not safe beside another one.
void initialise_library() {
    static std::once_flag once;
    std::call_once(once, [] { mysql_server_init(0, nullptr, nullptr); });
}

std::string session_setup(bool is_mariadb, const timeouts& limits) {
    const auto text = [](std::chrono::seconds s) { return std::to_string(s.count()); };
    return "set session transaction isolation level read committed, read write;"
           " set sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
           " time_zone = '+00:00', autocommit = 1, innodb_lock_wait_timeout = " +
           text(limits.lock) + ", lock_wait_timeout = " + text(limits.table_lock) +
           (is_mariadb ? ", max_statement_time = " + text(limits.statement) +
                             ", in_predicate_conversion_threshold = 0, query_cache_type = 0"
                       : ", max_execution_time = " + text(limits.statement) + "000");
}

} // namespace

bool is_connection_lost(unsigned code) noexcept {
    switch (code) {
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
    case CR_MALFORMED_PACKET:
    case CR_COMMANDS_OUT_OF_SYNC:
    case ER_CONNECTION_KILLED:
    case ER_SERVER_SHUTDOWN:
        return true;
    default:
        return false;
    }
}

bool is_lock_refusal(unsigned code) noexcept {
    return code == ER_LOCK_WAIT_TIMEOUT || code == ER_LOCK_DEADLOCK || code == er_lock_nowait;
}

sql_error make_error(unsigned code, const std::string& what, const outbox_name& name) {
    const auto is = [&](error_kind kind, const std::string& hint) {
        return sql_error(kind, what + " (" + std::to_string(code) + ")", hint, code);
    };
    if (is_connection_lost(code) || (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR))
        return is(
            error_kind::unreachable,
            "check that the server runs there and takes connections from here"
        );
    if (is_lock_refusal(code))
        return is(error_kind::conflict, "somebody holds a lock on the outbox tables; try again");
    switch (code) {
    case ER_NO_SUCH_TABLE:
    case ER_BAD_FIELD_ERROR:
        return is(
            error_kind::schema_mismatch,
            name.migrate_hint() + " as a user who may create tables"
        );
    case ER_BAD_DB_ERROR:
        return is(error_kind::schema_mismatch, "create the database, then " + name.migrate_hint());
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
        return is(error_kind::rejected, "check user and password of the URL");
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
        return is(
            error_kind::rejected,
            "the user of the URL lacks a privilege on the outbox tables; grant it"
        );
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_READ_ONLY_MODE:
        return is(error_kind::unreachable, "point the URL at the primary");
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
        return is(error_kind::unreachable, "the server is out of connections");
    case ER_STATEMENT_TIMEOUT:
    case er_query_timeout:
    case ER_QUERY_INTERRUPTED:
        return is(
            error_kind::conflict,
            "the database is slow or blocked; look at SHOW PROCESSLIST"
        );
    case ER_NET_PACKET_TOO_LARGE:
        return is(error_kind::rejected, "raise max_allowed_packet on the server");
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
        return is(error_kind::io, "give the database's disk space, then try again");
    default:
        return is(error_kind::rejected, "");
    }
}

void rows::release::operator()(st_mysql_res* result) const noexcept {
    mysql_free_result(result);
}

std::size_t rows::count() const noexcept {
    return result_ ? static_cast<std::size_t>(mysql_num_rows(result_.get())) : 0;
}

bool rows::next() noexcept {
    row_ = result_ ? mysql_fetch_row(result_.get()) : nullptr;
    sizes_ = row_ != nullptr ? mysql_fetch_lengths(result_.get()) : nullptr;
    return row_ != nullptr;
}

std::string_view rows::bytes(int column) const noexcept {
    return row_[column] == nullptr ? std::string_view{}
                                   : std::string_view{row_[column], sizes_[column]};
}

std::int64_t rows::number(int column) const noexcept {
    std::int64_t value = 0;
    const std::string_view text = bytes(column);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

void connection::close::operator()(st_mysql* raw) const noexcept {
    mysql_close(raw);
}

connection::connection(const server_url& where, const timeouts& limits, const outbox_name& name)
    : server_(where.display_name())
    , name_(name) {
    initialise_library();
    raw_.reset(mysql_init(nullptr));
    if (!raw_)
        throw error(error_kind::unreachable, server_ + ": out of memory");
    const auto set_seconds = [&](mysql_option option, std::chrono::seconds value) {
        const auto count = static_cast<unsigned>(value.count());
        mysql_options(raw_.get(), option, &count);
    };
    set_seconds(MYSQL_OPT_CONNECT_TIMEOUT, limits.connect);
    set_seconds(MYSQL_OPT_READ_TIMEOUT, limits.answer);
    set_seconds(MYSQL_OPT_WRITE_TIMEOUT, limits.answer);
    const my_bool no = 0;
    mysql_options(raw_.get(), MYSQL_OPT_RECONNECT, &no);
    const unsigned never = 0;
    mysql_options(raw_.get(), MYSQL_OPT_LOCAL_INFILE, &never);
    mysql_options(raw_.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options4(raw_.get(), MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "outbox");
    if (where.tls != tls_mode::off) {
        const my_bool yes = 1;
        mysql_options(raw_.get(), MYSQL_OPT_SSL_ENFORCE, &yes);
    }
    if (where.tls == tls_mode::verify_full) {
        const my_bool yes = 1;
        mysql_options(raw_.get(), MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        mysql_options(raw_.get(), MYSQL_OPT_SSL_CA, where.tls_authority.c_str());
    }
    // "localhost" would mean the socket of a default path.
    const unsigned protocol = where.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
    mysql_options(raw_.get(), MYSQL_OPT_PROTOCOL, &protocol);
    if (mysql_real_connect(
            raw_.get(),
            where.host.c_str(),
            where.user.empty() ? nullptr : where.user.c_str(),
            where.password.c_str(),
            where.name.c_str(),
            where.port,
            where.socket.empty() ? nullptr : where.socket.c_str(),
            CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS
        ) == nullptr)
        fail("cannot connect");
    // A library that lets a server talk it out of encryption is not believed.
    if (where.tls != tls_mode::off && mysql_get_ssl_cipher(raw_.get()) == nullptr)
        throw error(
            error_kind::rejected,
            server_ + ": the connection is not encrypted",
            "let the server have a certificate (ssl_cert, ssl_key)"
        );
    is_mariadb_ = mariadb_connection(raw_.get()) != 0;
    execute(session_setup(is_mariadb_, limits), "cannot set up the session");
}

void connection::fail(const char* failure) {
    const unsigned code = mysql_errno(raw_.get());
    const sql_error said = make_error(
        code,
        server_ + ": " + name_.in(failure) + ": " + mysql_error(raw_.get()),
        name_
    );
    // Whatever the server still does for us, it is on its own now.
    if (said.kind() == error_kind::unreachable)
        raw_.reset();
    throw said;
}

// All answers are read, or the connection would be of no more use.
rows connection::take_answers(const char* failure) {
    rows last{nullptr};
    while (true) {
        if (st_mysql_res* result = mysql_store_result(raw_.get()); result != nullptr)
            last = rows{result};
        else if (mysql_field_count(raw_.get()) != 0)
            fail(failure);
        else
            matched_ = mysql_affected_rows(raw_.get());
        const int more = mysql_next_result(raw_.get());
        if (more < 0)
            return last;
        if (more > 0) // which also ends the list
            fail(failure);
    }
}

rows connection::query(const std::string& sql, const char* failure) {
    if (!raw_)
        throw error(error_kind::unreachable, server_ + ": the connection was lost before");
    matched_ = 0;
    const std::string named = name_.is_usual() ? std::string{} : name_.in(sql);
    const std::string& text = name_.is_usual() ? sql : named;
    if (mysql_real_query(raw_.get(), text.data(), text.size()) != 0)
        fail(failure);
    return take_answers(failure);
}

std::uint64_t connection::execute(const std::string& sql, const char* failure) {
    query(sql, failure);
    return matched_;
}

std::string quoted(std::string_view text) {
    return "_utf8mb4 x'" + to_hex(text) + "'";
}

} // namespace outbox::mysql
