#include "outbox/store/mysql/mysql.hpp"
#include "tests/store/door_exam.hpp"
#include "tests/store/first_time_exam.hpp"
#include "tests/store/first_time_numbered_exam.hpp"

#include <mysql.h>

namespace outbox::doors {
namespace {

struct close_mysql {
    void operator()(MYSQL* db) const noexcept { mysql_close(db); }
};

void run_text(MYSQL& db, const std::string& sql) {
    if (mysql_real_query(&db, sql.data(), sql.size()) != 0)
        throw std::runtime_error(mysql_error(&db));
}

class mysql_own {
public:
    explicit mysql_own(MYSQL& db) : db_(&db) { execute("start transaction"); }
    mysql_own(const mysql_own&) = delete;
    mysql_own& operator=(const mysql_own&) = delete;
    ~mysql_own() { mysql_rollback(db_); }

    MYSQL& handle() const { return *db_; }
    void execute(const std::string& sql) { run_text(*db_, sql); }
    void commit() { execute("commit"); }
    void rollback() { execute("rollback"); }

private:
    MYSQL* db_;
};

template <unsigned long Flags>
class mysql_candidate {
public:
    using connection = MYSQL;
    using own_transaction = mysql_own;
    static constexpr door_traits traits{
        .bare_trips = Flags == 0 ? 5 : 3,
        .transact_trips = Flags == 0 ? 1 : 0,
        .once_trips = Flags == 0 ? 1 : 0,
        .commit_tells = false,
        .kept_outgoing = refuses_late::until_the_next};

    raw_database& database() { return place_; }
    std::unique_ptr<MYSQL, close_mysql> connect() { return connect_through(server_port()); }
    std::unique_ptr<MYSQL, close_mysql> connect_through(std::uint16_t port) {
        std::unique_ptr<MYSQL, close_mysql> db{mysql_init(nullptr)};
        const unsigned protocol = MYSQL_PROTOCOL_TCP;
        mysql_options(db.get(), MYSQL_OPT_PROTOCOL, &protocol);
        if (mysql_real_connect(
                db.get(),
                "127.0.0.1",
                "root",
                "",
                place_.name().c_str(),
                port,
                nullptr,
                Flags
            ) == nullptr)
            throw std::runtime_error(mysql_error(db.get()));
        return db;
    }
    std::uint16_t server_port() const { return mariadb_database::server().port(); }
    template <class Execute>
    void break_commit(Execute) {
        place_.kill_sessions();
    }

private:
    mariadb_database place_;
};

using candidates = testing::Types<mysql_candidate<CLIENT_MULTI_STATEMENTS>, mysql_candidate<0>>;
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, door_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, first_time_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, first_time_numbered_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, networked_door_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, networked_first_time_exam, candidates);

} // namespace
} // namespace outbox::doors
