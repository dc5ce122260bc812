#include "outbox/store/sqlite/sqlite.hpp"
#include "tests/store/door_exam.hpp"
#include "tests/store/doors/sqlite_own.hpp"
#include "tests/store/first_time_exam.hpp"
#include "tests/store/first_time_numbered_exam.hpp"

namespace outbox::doors {
namespace {

class sqlite_candidate {
public:
    using connection = sqlite3;
    using own_transaction = sqlite_own;
    static constexpr door_traits traits{.kept_outgoing = refuses_late::until_the_next};

    raw_database& database() { return place_; }
    sqlite_handle connect() { return open_sqlite(place_.path()); }
    template <class Execute>
    void break_commit(Execute execute) {
        execute("create table parts (id integer references orders deferrable initially deferred)");
        execute("insert into parts values (999)");
    }

private:
    sqlite_database place_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(sqlite3, door_exam, sqlite_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(sqlite3, file_door_exam, sqlite_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(sqlite3, first_time_exam, sqlite_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(sqlite3, first_time_numbered_exam, sqlite_candidate);

} // namespace
} // namespace outbox::doors
