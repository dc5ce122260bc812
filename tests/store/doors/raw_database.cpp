#include "tests/store/doors/raw_database.hpp"

#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/store/mysql/database.hpp"
#include "outbox/store/postgresql/database.hpp"
#include "outbox/store/sqlite/database.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

namespace outbox::doors {
namespace {

std::string next_name() {
    static int count = 0;
    return "door_" + std::to_string(++count);
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::string part;
    std::istringstream in{text};
    while (std::getline(in, part, at))
        parts.push_back(part);
    if (!text.empty() && text.back() == at && at == '\t')
        parts.emplace_back();
    return parts;
}

// The one under exam and, where that has a name of its own, the usual one.
template <class Open>
void make_outboxes(Open&& open) {
    open(outbox_name{})->open_migrator()->up();
    open(name_under_exam())->open_migrator()->up();
}

std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

} // namespace

outbox_name name_under_exam() {
    const char* name = std::getenv("OUTBOX_EXAM_NAME");
    return name == nullptr ? outbox_name{} : outbox_name{name};
}

std::string upper_hex(const std::string& data) {
    std::string text = to_hex(data);
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return text;
}

std::vector<raw_row> raw_database::rows() const {
    std::vector<raw_row> found;
    const std::string answer =
        run("select " + hex("subject") + ", " + hex("order_key") + ", " + hex("headers") + ", " +
            hex("payload") + " from " + table("message") + " order by seq");
    for (const std::string& line : split(answer, '\n')) {
        auto columns = split(line, '\t');
        columns.resize(4);
        const auto subject = from_hex(columns[0]);
        found.push_back(
            {.subject = subject.value_or("not hexadecimal"),
             .key = columns[1],
             .headers = columns[2],
             .payload = columns[3]}
        );
    }
    return found;
}

std::vector<std::string> raw_database::payloads() const {
    std::vector<std::string> texts;
    for (const raw_row& row : rows())
        texts.push_back(from_hex(row.payload).value_or("not hexadecimal"));
    return texts;
}

bool raw_database::nothing_crossed() const {
    if (name_under_exam().is_usual())
        return true;
    const std::string count = "select (select count(*) from " + usual("message") +
                              ") + (select count(*) from " + usual("scheduled") + ")";
    return one_line(run(count)) == "0";
}

std::string raw_database::state(int order) const {
    return one_line(run("select state from orders where id = " + std::to_string(order)));
}

void raw_database::set_doorbell(const std::string& address) const {
    run("update " + table("relay") + " set doorbell = '" + address + "' where shard = 0");
}

std::string raw_database::doorbell() const {
    return one_line(run("select doorbell from " + table("relay") + " where shard = 0"));
}

// ---- PostgreSQL

harness::postgres_server& postgres_database::server() {
    static harness::postgres_server instance{{.settings = {"fsync=off", "deadlock_timeout=50ms"}}};
    return instance;
}

postgres_database::postgres_database() : name_(next_name()) {
    server().psql("create database " + name_);
    make_outboxes([&](const outbox_name& name) {
        return postgresql::open_database(server().url(name_), name);
    });
    run(make_orders);
}

postgres_database::~postgres_database() {
    server().psql("drop database " + name_ + " with (force)");
}

std::string postgres_database::run(const std::string& sql) const {
    std::string answer = server().psql(sql, name_);
    std::replace(answer.begin(), answer.end(), '|', '\t');
    return answer;
}

std::string postgres_database::hex(const std::string& column) const {
    const std::string raw = column == "subject" ? "convert_to(subject, 'UTF8')" : column;
    return "upper(encode(" + raw + ", 'hex'))";
}

void postgres_database::kill_sessions() const {
    run("select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + name_ +
        "' and pid <> pg_backend_pid()");
}

// ---- MariaDB and MySQL

template <class Server>
Server& mysql_family_database<Server>::server() {
    static Server instance{
        {.settings = {"innodb-flush-log-at-trx-commit=0", "innodb-lock-wait-timeout=1"}}};
    return instance;
}

template <class Server>
mysql_family_database<Server>::mysql_family_database() : name_(next_name()) {
    server().sql("create database " + name_, "");
    make_outboxes([&](const outbox_name& name) {
        return mysql::open_database(server().url(name_), name);
    });
    run(make_orders);
}

template <class Server>
mysql_family_database<Server>::~mysql_family_database() {
    server().sql("drop database " + name_, "");
}

template <class Server>
std::string mysql_family_database<Server>::run(const std::string& sql) const {
    return server().sql(sql, name_);
}

template <class Server>
void mysql_family_database<Server>::kill_sessions() const {
    const std::string ids =
        run("select id from information_schema.processlist where db = '" + name_ +
            "' and id <> connection_id()");
    for (const std::string& id : split(ids, '\n'))
        run("kill " + id);
}

template class mysql_family_database<harness::mariadb_server>;
template class mysql_family_database<harness::mysql_server>;

// ---- SQLite

sqlite_database::sqlite_database() {
    make_outboxes([&](const outbox_name& name) {
        return sqlite::open_database("sqlite:" + path(), name);
    });
    run("pragma journal_mode = wal");
    run(make_orders);
}

std::string sqlite_database::run(const std::string& sql) const {
    const auto done = harness::run_to_end(
        {.argv =
             {harness::system_program("sqlite3"),
              "-batch",
              "-separator",
              "\t",
              "-cmd",
              ".timeout 5000",
              path(),
              sql}}
    );
    if (!done.status.ok())
        throw error{error_kind::rejected, "sqlite3: " + done.stderr_text};
    return done.stdout_text;
}

} // namespace outbox::doors
