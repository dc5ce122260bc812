// A user's own unit of work takes the exam: what docs/doors.md says is all that it needs.

#include "outbox/store/sqlite/sqlite.hpp"
#include "tests/store/door_exam.hpp"
#include "tests/store/doors/sqlite_own.hpp"
#include "tests/store/first_time_exam.hpp"
#include "tests/store/first_time_numbered_exam.hpp"

namespace my {

class unit_of_work {
public:
    explicit unit_of_work(sqlite3& db) : tx_(db) {}

    sqlite3& connection() { return tx_.handle(); }
    void execute(const std::string& sql) { tx_.execute(sql); }
    void commit() { tx_.commit(); }
    void rollback() { tx_.rollback(); }

private:
    outbox::doors::sqlite_own tx_;
};

} // namespace my

template <>
struct outbox::adapter<my::unit_of_work> {
    struct session : outbox::sqlite_session {
        session(my::unit_of_work& work, const outbox_name& to)
            : sqlite_session(work.connection(), to) {}
    };
};

namespace outbox::doors {
namespace {

class unit_of_work_candidate {
public:
    using connection = sqlite3;
    static constexpr door_traits traits{.kept_outgoing = refuses_late::until_the_next};

    class own_transaction {
    public:
        explicit own_transaction(sqlite3& db) : work_(db) {}
        my::unit_of_work& handle() { return work_; }
        void execute(const std::string& sql) { work_.execute(sql); }
        void commit() { work_.commit(); }
        void rollback() { work_.rollback(); }

    private:
        my::unit_of_work work_;
    };

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

INSTANTIATE_TYPED_TEST_SUITE_P(unit_of_work, door_exam, unit_of_work_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(unit_of_work, file_door_exam, unit_of_work_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(unit_of_work, first_time_exam, unit_of_work_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(unit_of_work, first_time_numbered_exam, unit_of_work_candidate);

} // namespace
} // namespace outbox::doors
