#include "outbox/store/mysql/connector_cpp.hpp"
#include "tests/store/door_exam.hpp"
#include "tests/store/doors/connector_cpp_own.hpp"
#include "tests/store/first_time_exam.hpp"
#include "tests/store/first_time_numbered_exam.hpp"

namespace outbox::doors {
namespace {

constexpr const char* commit_words = "set autocommit = 1";

template <class Database>
class connector_cpp_on {
public:
    using connection = sql::Connection;
    using own_transaction = connector_cpp_own;
    static constexpr bool compound = std::same_as<Database, mariadb_database>;
    static constexpr door_traits traits{
        .bare_trips = compound ? 3 : 5,
        .transact_trips = compound ? 0 : 1,
        .note_trips = compound ? 1 : 2,
        .once_trips = compound ? 0 : 2,
        .commit_tells = false,
        .kept_outgoing = refuses_late::until_the_next,
        .commit_words = doors::commit_words};

    raw_database& database() { return place_; }
    std::unique_ptr<sql::Connection> connect() { return connect_through(server_port()); }
    std::unique_ptr<sql::Connection> connect_through(std::uint16_t port) {
        auto db = open_mysql(port, place_.name());
        forget_note(
            db.get(),
            name_under_exam()
        ); // of a connection of another test at the same address
        return db;
    }
    std::uint16_t server_port() const { return Database::server().port(); }
    /// Nothing is checked at COMMIT here, so it is the connection that fails.
    template <class Execute>
    void break_commit(Execute) {
        place_.kill_sessions();
    }

protected:
    Database place_;
};
using connector_cpp_candidate = connector_cpp_on<mariadb_database>;
using connector_cpp_on_mysql = connector_cpp_on<mysql_database>;

/// As code has it that says setAutoCommit(false) once, and commit again and again.
class autocommit_off_own : public connector_cpp_own {
public:
    explicit autocommit_off_own(sql::Connection& db) : connector_cpp_own(db) {
        keep_autocommit_off();
    }
};

class autocommit_off_candidate : public connector_cpp_candidate {
public:
    using own_transaction = autocommit_off_own;
    static constexpr door_traits traits{
        .bare_trips = 3,
        .commit_tells = false,
        .kept_outgoing = refuses_late::never,
        .commit_words = doors::commit_words};
};

/// The same one with a transaction of ours that the user opens and joins.
class mysql_own {
public:
    explicit mysql_own(sql::Connection& db) : tx_(db, name_under_exam()) {}
    connector_cpp_transaction& handle() { return tx_; }
    void execute(const std::string& sql) { tx_.execute(sql); }
    void commit() { tx_.commit(); }
    void rollback() { tx_.rollback(); }

private:
    connector_cpp_transaction tx_;
};

class mysql_transaction_candidate : public connector_cpp_candidate {
public:
    using own_transaction = mysql_own;
    static constexpr door_traits traits{.bare_trips = 3, .commit_words = doors::commit_words};
};

/// Connected to a server that takes one command a text, as MySQL does.
class single_commands_candidate : public mysql_transaction_candidate {
public:
    static constexpr door_traits traits{
        .bare_trips = 5,
        .transact_trips = 1,
        .note_trips = 2,
        .once_trips = 2,
        .commit_words = doors::commit_words};

    std::unique_ptr<sql::Connection> connect() { return connect_through(server_port()); }
    std::unique_ptr<sql::Connection> connect_through(std::uint16_t port) {
        auto db = open_mysql(port, place_.name());
        remember_note(
            db.get(),
            name_under_exam(),
            {.doorbell = place_.doorbell(),
             .server_version = "8.0.31",
             .asked_at = system_clock().ticks()}
        );
        return db;
    }
};

using candidates = testing::Types<
    connector_cpp_candidate,
    mysql_transaction_candidate,
    single_commands_candidate,
    connector_cpp_on_mysql>;
INSTANTIATE_TYPED_TEST_SUITE_P(connector_cpp, door_exam, candidates);
// In such a session there is always a transaction, so nothing can be refused for want of one.
using always_in_one = testing::Types<autocommit_off_candidate>;
INSTANTIATE_TYPED_TEST_SUITE_P(always_in_one, door_exam, always_in_one);
INSTANTIATE_TYPED_TEST_SUITE_P(always_in_one, networked_door_exam, always_in_one);
INSTANTIATE_TYPED_TEST_SUITE_P(connector_cpp, first_time_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(connector_cpp, first_time_numbered_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(connector_cpp, networked_door_exam, candidates);
INSTANTIATE_TYPED_TEST_SUITE_P(connector_cpp, networked_first_time_exam, candidates);

} // namespace
} // namespace outbox::doors
