#include "outbox/store/soci/soci.hpp"
#include "tests/store/door_exam.hpp"
#include "tests/store/first_time_exam.hpp"
#include "tests/store/first_time_numbered_exam.hpp"

namespace outbox::doors {
namespace {

class soci_own {
public:
    explicit soci_own(soci::session& db) : tx_(db, name_under_exam()) {}
    soci_transaction& handle() { return tx_; }
    void execute(const std::string& sql) { tx_.session() << sql; }
    void commit() { tx_.commit(); }
    void rollback() { tx_.rollback(); }

private:
    soci_transaction tx_;
};

/// Backends are loaded by their names, as a user does who does not link them.
template <class Database>
class soci_candidate {
public:
    using connection = soci::session;
    using own_transaction = soci_own;

    raw_database& database() { return place_; }

protected:
    static std::unique_ptr<soci::session> open(const char* backend, const std::string& how) {
        auto db = std::make_unique<soci::session>(backend, how);
        forget_note(
            db->get_backend(),
            name_under_exam()
        ); // of a session of another test at the same address
        return db;
    }
    Database place_;
};

class soci_postgresql : public soci_candidate<postgres_database> {
public:
    static constexpr door_traits traits{.bare_trips = 3, .one_failure_fails_all = true};

    std::unique_ptr<soci::session> connect() { return connect_through(server_port()); }
    std::unique_ptr<soci::session> connect_through(std::uint16_t port) {
        return open(
            "postgresql",
            "host=127.0.0.1 user=postgres port=" + std::to_string(port) + " dbname=" + place_.name()
        );
    }
    std::uint16_t server_port() const { return postgres_database::server().port(); }
    template <class Execute>
    void break_commit(Execute execute) {
        execute("create table parts (id integer references orders deferrable initially deferred)");
        execute("insert into parts values (999)");
    }
};

template <class Database>
class soci_mysql_on : public soci_candidate<Database> {
public:
    static constexpr bool compound = std::same_as<Database, mariadb_database>;
    static constexpr door_traits traits{
        .bare_trips = compound ? 3 : 5,
        .transact_trips = compound ? 0 : 1,
        .note_trips = compound ? 1 : 2,
        .once_trips = compound ? 1 : 2,
        .commit_words = "set autocommit = 1"};

    std::unique_ptr<soci::session> connect() { return connect_through(server_port()); }
    std::unique_ptr<soci::session> connect_through(std::uint16_t port) {
        return this->open(
            "mysql",
            "host=127.0.0.1 user=root port=" + std::to_string(port) +
                " dbname=" + this->place_.name()
        );
    }
    std::uint16_t server_port() const { return Database::server().port(); }
    template <class Execute>
    void break_commit(Execute) {
        this->place_.kill_sessions();
    }
};

using soci_mysql = soci_mysql_on<mariadb_database>;
using soci_on_mysql = soci_mysql_on<mysql_database>;

class soci_sqlite3 : public soci_candidate<sqlite_database> {
public:
    static constexpr door_traits traits{};

    std::unique_ptr<soci::session> connect() {
        auto db = open("sqlite3", "dbname=" + place_.path() + " timeout=5");
        *db << "pragma foreign_keys = on";
        return db;
    }
    template <class Execute>
    void break_commit(Execute execute) {
        execute("create table parts (id integer references orders deferrable initially deferred)");
        execute("insert into parts values (999)");
    }
};

using networked = testing::Types<soci_postgresql, soci_mysql, soci_on_mysql>;
using all = testing::Types<soci_postgresql, soci_mysql, soci_sqlite3, soci_on_mysql>;
INSTANTIATE_TYPED_TEST_SUITE_P(soci, door_exam, all);
INSTANTIATE_TYPED_TEST_SUITE_P(soci, first_time_exam, all);
INSTANTIATE_TYPED_TEST_SUITE_P(soci, first_time_numbered_exam, all);
INSTANTIATE_TYPED_TEST_SUITE_P(soci, file_door_exam, soci_sqlite3);
INSTANTIATE_TYPED_TEST_SUITE_P(soci, networked_door_exam, networked);
INSTANTIATE_TYPED_TEST_SUITE_P(soci, networked_first_time_exam, networked);

} // namespace
} // namespace outbox::doors
