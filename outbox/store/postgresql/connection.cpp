#include "outbox/store/postgresql/connection.hpp"

#include <libpq-fe.h>

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace outbox::postgresql {
namespace {

using namespace std::chrono_literals;

// Microseconds from 1970 to 2000, where PostgreSQL's timestamps begin.
constexpr std::int64_t epoch_offset_us = 946'684'800'000'000;

std::string trimmed(const char* text) {
    std::string line = text == nullptr ? "" : text;
    while (!line.empty() && (line.back() == '\n' || line.back() == ' '))
        line.pop_back();
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line;
}

std::int64_t big_endian(const char* data, int size) noexcept {
    std::uint64_t value = size > 0 && (static_cast<unsigned char>(*data) & 0x80U) != 0 ? ~0ULL : 0;
    for (int i = 0; i < size; ++i)
        value = value << 8U | static_cast<unsigned char>(data[i]);
    return static_cast<std::int64_t>(value);
}

struct refusal {
    error_kind kind;
    const char* hint;
};

// What a SQLSTATE means for a relay or a migrator, and what to do about it.
refusal meaning(std::string_view state) {
    if (state == "42P01" || state == "3F000" || state == "42703" || state == "42883")
        return {error_kind::schema_mismatch, ""}; // migrate_hint()
    if (state == "42501")
        return {
            error_kind::rejected,
            "the user of the URL lacks a privilege on schema outbox; grant it or use the owner"};
    if (state == "25006")
        return {error_kind::unreachable, "point the URL at the primary"};
    if (state == "55P03")
        return {error_kind::conflict, "somebody holds a lock on the outbox tables; try again"};
    if (state == "57014")
        return {error_kind::conflict, "the database is slow or blocked; look at pg_stat_activity"};
    if (state.starts_with("57P") || state.starts_with("08"))
        return {error_kind::unreachable, "the database is stopping or restarting; try again"};
    if (state.starts_with("40"))
        return {error_kind::conflict, "try again"};
    if (state == "53100" || state.starts_with("58"))
        return {error_kind::io, "give the database's disk space, then try again"};
    if (state.starts_with("53"))
        return {error_kind::unreachable, "the server is out of connections or memory"};
    return {error_kind::rejected, ""};
}

struct conninfo_free {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

} // namespace

void rows::clear::operator()(pg_result* result) const noexcept {
    PQclear(result);
}

int rows::count() const noexcept {
    return PQntuples(result_.get());
}

bool rows::is_null(int row, int column) const noexcept {
    return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view rows::bytes(int row, int column) const noexcept {
    return {
        PQgetvalue(result_.get(), row, column),
        static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t rows::number(int row, int column) const noexcept {
    return big_endian(
        PQgetvalue(result_.get(), row, column),
        PQgetlength(result_.get(), row, column)
    );
}

bool rows::truth(int row, int column) const noexcept {
    return *PQgetvalue(result_.get(), row, column) != 0;
}

time_point rows::time(int row, int column) const noexcept {
    // 'infinity' is the highest number there is.
    constexpr std::int64_t latest = std::numeric_limits<std::int64_t>::max() / 1'000;
    constexpr std::int64_t highest = latest - epoch_offset_us;
    return time_point{std::chrono::microseconds{
        std::clamp(number(row, column), -highest, highest) + epoch_offset_us}};
}

std::int64_t rows::touched() const noexcept {
    return std::atoll(PQcmdTuples(result_.get()));
}

parameters& parameters::add(std::string text) {
    values_.push_back(std::move(text));
    formats_.push_back(0);
    return *this;
}

parameters& parameters::add_binary(std::string value) {
    values_.push_back(std::move(value));
    formats_.push_back(1);
    return *this;
}

void connection::finish::operator()(pg_conn* raw) const noexcept {
    PQfinish(raw);
}

connection::connection(
    const std::string& url,
    const timeouts& limits,
    const std::string& setup,
    const outbox_name& name
)
    : answer_timeout_(limits.answer)
    , server_(display_name(url))
    , name_(name) {
    connect(url, limits);
    PQsetNoticeProcessor(
        raw_.get(),
        [](void*, const char*) {},
        nullptr
    );
    const auto ms = [](std::chrono::milliseconds d) { return std::to_string(d.count()); };
    execute(
        "set statement_timeout = " + ms(limits.statement) + "; set lock_timeout = " +
            ms(limits.lock) + "; set idle_in_transaction_session_timeout = " + ms(limits.answer) +
            "; set default_transaction_isolation = 'read committed'"
            "; set default_transaction_read_only = off; set search_path = pg_catalog; " +
            setup,
        "cannot set up the session"
    );
}

void connection::connect(const std::string& url, const timeouts& limits) {
    // What the URL says comes later and wins.
    const std::array<const char*, 10> names = {
        "application_name",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "target_session_attrs",
        "connect_timeout",
        "dbname",
        "client_encoding",
        nullptr};
    const std::string user_timeout = std::to_string(limits.answer.count());
    // For each host of the URL, so that one that says nothing does not use up the time of the next.
    // Only libpq can go on to that one, and only in its own loop.
    const std::string connect_timeout =
        std::to_string(std::max(std::chrono::ceil<std::chrono::seconds>(limits.connect), 2s).count()
        );
    const std::array<const char*, 10> values = {
        "outbox",
        "10",
        "5",
        "2",
        user_timeout.c_str(),
        "primary",
        connect_timeout.c_str(),
        url.c_str(),
        "UTF8",
        nullptr};
    raw_.reset(PQconnectdbParams(names.data(), values.data(), 1));
    if (!raw_)
        lost("out of memory");
    if (PQstatus(raw_.get()) != CONNECTION_OK)
        lost(trimmed(PQerrorMessage(raw_.get())));
    if (PQsetnonblocking(raw_.get(), 1) != 0)
        lost(trimmed(PQerrorMessage(raw_.get())));
}

void connection::lost(const std::string& why) {
    raw_.reset(); // whatever the server still does for us, it is on its own now
    throw error(
        error_kind::unreachable,
        server_ + " cannot be reached: " + why,
        "check that PostgreSQL runs there and takes connections from here"
    );
}

void connection::wait_for(short events, tick_point deadline) {
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - system_clock().ticks());
        if (left.count() <= 0)
            lost("no answer in time");
        pollfd one{.fd = PQsocket(raw_.get()), .events = events, .revents = 0};
        const int ready = ::poll(&one, 1, static_cast<int>(left.count()));
        if (ready > 0)
            return;
        if (ready < 0 && errno != EINTR)
            lost(std::strerror(errno));
    }
}

void connection::flush(tick_point deadline) {
    while (true) {
        const int left = PQflush(raw_.get());
        if (left == 0)
            return;
        if (left < 0)
            lost(trimmed(PQerrorMessage(raw_.get())));
        wait_for(POLLIN | POLLOUT, deadline);
        if (PQconsumeInput(raw_.get()) == 0)
            lost(trimmed(PQerrorMessage(raw_.get())));
    }
}

// The last result of the command; the first error among them is thrown, after all have been read.
rows connection::take_answer(const char* failure) {
    const tick_point deadline = system_clock().ticks() + answer_timeout_;
    flush(deadline);
    rows last{nullptr};
    std::unique_ptr<PGresult, decltype(&PQclear)> refused{nullptr, &PQclear};
    while (true) {
        while (PQisBusy(raw_.get()) != 0) {
            wait_for(POLLIN, deadline);
            if (PQconsumeInput(raw_.get()) == 0)
                lost(trimmed(PQerrorMessage(raw_.get())));
        }
        PGresult* result = PQgetResult(raw_.get());
        if (result == nullptr)
            break;
        const ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR && !refused)
            refused.reset(result);
        else
            last = rows{result};
    }
    if (PQstatus(raw_.get()) != CONNECTION_OK)
        lost(trimmed(refused ? PQresultErrorMessage(refused.get()) : PQerrorMessage(raw_.get())));
    if (refused)
        refuse(refused.get(), failure);
    return last;
}

void connection::refuse(const pg_result* result, const char* failure) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const std::string sqlstate = state == nullptr ? "" : state;
    const refusal said = meaning(sqlstate);
    throw sql_error(
        said.kind,
        server_ + ": " + name_.in(failure) + ": " + trimmed(primary) + " (" + sqlstate + ")",
        said.kind == error_kind::schema_mismatch
            ? name_.migrate_hint() + " as a user who may create tables"
            : name_.in(said.hint),
        sqlstate
    );
}

rows connection::query(const std::string& sql, const char* failure) {
    if (!raw_ || PQsendQuery(raw_.get(), name_.in(sql).c_str()) == 0)
        lost(raw_ ? trimmed(PQerrorMessage(raw_.get())) : "the connection was lost before");
    return take_answer(failure);
}

void connection::execute(const std::string& sql, const char* failure) {
    query(sql, failure);
}

rows connection::run(const statement& what, const parameters& values) {
    if (!raw_)
        lost("the connection was lost before");
    if (std::find(prepared_.begin(), prepared_.end(), what.name) == prepared_.end()) {
        if (PQsendPrepare(raw_.get(), what.name, name_.in(what.sql).c_str(), 0, nullptr) == 0)
            lost(trimmed(PQerrorMessage(raw_.get())));
        take_answer(what.failure);
        prepared_.push_back(what.name);
    }
    std::vector<const char*> data;
    std::vector<int> sizes;
    for (const std::string& value : values.values_) {
        data.push_back(value.c_str());
        sizes.push_back(static_cast<int>(value.size()));
    }
    constexpr int binary = 1;
    if (PQsendQueryPrepared(
            raw_.get(),
            what.name,
            static_cast<int>(data.size()),
            data.data(),
            sizes.data(),
            values.formats_.data(),
            binary
        ) == 0)
        lost(trimmed(PQerrorMessage(raw_.get())));
    return take_answer(what.failure);
}

std::string display_name(const std::string& url) {
    char* complaint = nullptr;
    const std::unique_ptr<PQconninfoOption, conninfo_free> options{
        PQconninfoParse(url.c_str(), &complaint)};
    // libpq's complaint may quote the password, so only the fact of it is passed on.
    PQfreemem(complaint);
    if (!options)
        throw error(
            error_kind::invalid_argument,
            "the database URL cannot be understood",
            "write postgresql://user@host:port/name"
        );
    std::string user;
    std::string host;
    std::string port;
    std::string name;
    for (const PQconninfoOption* o = options.get(); o->keyword != nullptr; ++o) {
        const std::string_view keyword = o->keyword;
        const std::string value = o->val == nullptr ? "" : o->val;
        if (keyword == "user")
            user = value;
        else if (keyword == "host")
            host = value;
        else if (keyword == "port")
            port = value;
        else if (keyword == "dbname")
            name = value;
    }
    return "postgresql://" + (user.empty() ? "" : user + "@") + host +
           (port.empty() ? "" : ":" + port) + "/" + name;
}

} // namespace outbox::postgresql
