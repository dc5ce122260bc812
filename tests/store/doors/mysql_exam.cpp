#include "outbox/store/mysql/mysql.hpp"
#include "tests/store/door_exam.hpp"
#include "tests/store/doors/mysql_own.hpp"
#include "tests/store/first_time_exam.hpp"
#include "tests/store/first_time_numbered_exam.hpp"

namespace outbox::doors {
namespace {

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
        .kept_outgoing = refuses_late::until_the_next,
        .commit_words = "set autocommit = 1"};

    raw_database& database() { return place_; }
    mysql_handle connect() { return connect_through(server_port()); }
    mysql_handle connect_through(std::uint16_t port) {
        return connect_mysql(port, place_.name(), Flags);
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
