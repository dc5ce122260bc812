#include "outbox/store/sqlite/statement.hpp"

namespace outbox::sqlite {

bool is_busy(int code) noexcept {
    const int primary = code & 0xff;
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED;
}

error make_error(sqlite3* db, int code, const std::string& doing) {
    const std::string why =
        doing + ": " + (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return {
            error_kind::conflict,
            why,
            "another connection is writing; try again when it has committed"};
    case SQLITE_FULL:
        return {error_kind::io, why, "the disk is full: free some space; nothing was written"};
    case SQLITE_READONLY:
        return {error_kind::io, why, "the database file and its folder must be writable"};
    case SQLITE_IOERR:
        return {error_kind::io, why, "look at the kernel's log: the disk refused"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return {error_kind::corrupt, why, "the file is damaged or is not a SQLite database"};
    case SQLITE_CANTOPEN:
        return {error_kind::unreachable, why, "check the path and its permissions"};
    case SQLITE_ERROR:
        if (why.find("no such table") != std::string::npos ||
            why.find("no such column") != std::string::npos)
            return {
                error_kind::schema_mismatch,
                why,
                "run `outbox migrate up --db sqlite:PATH`, with --schema for an outbox that has a "
                "name of its own"};
        [[fallthrough]];
    default:
        return {error_kind::rejected, why};
    }
}

connection open(const std::string& path, bool create) {
    sqlite3* raw = nullptr;
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    connection db{raw};
    if (code != SQLITE_OK)
        throw make_error(db.get(), code, "cannot open the SQLite database " + path);
    sqlite3_extended_result_codes(db.get(), 1);
    return db;
}

void execute(sqlite3* db, const char* sql, const std::string& doing) {
    const int code = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        throw make_error(db, code, doing);
}

statement::statement(sqlite3* db, const char* sql, const std::string& doing)
    : db_(db)
    , doing_(doing) {
    sqlite3_stmt* raw = nullptr;
    check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr));
    handle_.reset(raw);
}

void statement::check(int code) {
    if (code != SQLITE_OK)
        throw make_error(db_, code, doing_);
}

statement& statement::bind(int at, std::int64_t value) {
    check(sqlite3_bind_int64(handle_.get(), at, value));
    return *this;
}

statement& statement::bind_text(int at, const std::string& value) {
    check(sqlite3_bind_text64(
        handle_.get(),
        at,
        value.data(),
        value.size(),
        SQLITE_TRANSIENT,
        SQLITE_UTF8
    ));
    return *this;
}

statement& statement::bind_blob(int at, bytes_view value) {
    // An empty view may have no address, and SQLite takes that for NULL.
    const char* data = value.empty() ? "" : value.data();
    check(sqlite3_bind_blob64(handle_.get(), at, data, value.size(), SQLITE_TRANSIENT));
    return *this;
}

statement& statement::bind_null(int at) {
    check(sqlite3_bind_null(handle_.get(), at));
    return *this;
}

int statement::try_step() noexcept {
    return sqlite3_step(handle_.get());
}

bool statement::step() {
    const int code = try_step();
    if (code == SQLITE_ROW)
        return true;
    if (code == SQLITE_DONE)
        return false;
    const error failure = make_error(db_, code, doing_);
    reset();
    throw failure;
}

void statement::reset() noexcept {
    sqlite3_reset(handle_.get());
}

bool statement::is_null(int column) noexcept {
    return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::int64_t statement::number(int column) noexcept {
    return sqlite3_column_int64(handle_.get(), column);
}

bytes statement::blob(int column) {
    const void* data = sqlite3_column_blob(handle_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
    return data == nullptr ? bytes{} : bytes{static_cast<const char*>(data), size};
}

} // namespace outbox::sqlite
