#include "bench/lite.hpp"

#include "outbox/base/error.hpp"

namespace outbox::bench {

namespace {

constexpr int busy_ms = 60'000;

} // namespace

lite::lite(const std::string& file) {
    sqlite3* raw = nullptr;
    const auto code = sqlite3_open(file.c_str(), &raw);
    db_.reset(raw);
    if (code != SQLITE_OK)
        fail();
    sqlite3_busy_timeout(raw, busy_ms);
    execute("pragma journal_mode = wal; pragma synchronous = full");
}

void lite::fail() {
    throw error{error_kind::io, std::string{"SQLite: "} + sqlite3_errmsg(db_.get())};
}

void lite::execute(const std::string& sql) {
    if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        fail();
}

lite::statement lite::prepare(const std::string& sql) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &made, nullptr) != SQLITE_OK)
        fail();
    return statement{made};
}

long lite::number(const std::string& sql) {
    const auto asked = prepare(sql);
    if (sqlite3_step(asked.get()) != SQLITE_ROW)
        fail();
    return static_cast<long>(sqlite3_column_int64(asked.get(), 0));
}

void lite::run(const statement& prepared, const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        sqlite3_bind_text(
            prepared.get(),
            static_cast<int>(i) + 1,
            values[i].data(),
            static_cast<int>(values[i].size()),
            SQLITE_STATIC
        );
    const auto code = sqlite3_step(prepared.get());
    sqlite3_reset(prepared.get());
    if (code != SQLITE_DONE)
        fail();
}

} // namespace outbox::bench
