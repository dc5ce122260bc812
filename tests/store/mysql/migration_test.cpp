#include "outbox/store/mysql/migration_session.hpp"
#include "tests/store/migration_exam.hpp"
#include "tests/store/mysql/server.hpp"

namespace outbox {
namespace {

template <mysql::make Which>
class mysql_candidate {
public:
    static const migration_dialect& dialect() { return mysql::dialect(); }
    static std::string message_table() { return "outbox_message"; }

    std::unique_ptr<database> open(const migration_dialect& known) {
        return mysql::open_database(place_.url(), {}, known);
    }
    std::unique_ptr<migration_session> session(std::chrono::milliseconds lock_wait) {
        return std::make_unique<mysql::migration_session>(
            mysql::parse_url(place_.url()),
            outbox_name{},
            lock_wait
        );
    }
    void execute(const std::string& sql) { mysql::sql_session{place_.url()}.execute(sql); }
    std::string shape() {
        return place_.sql(
            "select table_name, column_name, column_type, is_nullable, column_default from"
            " information_schema.columns where table_schema = database() order by 1, 2;"
            " select routine_name from information_schema.routines where routine_schema ="
            " database() order by 1"
        );
    }

private:
    mysql::test_database place_{mysql::shared_server(Which)};
};

using candidates =
    testing::Types<mysql_candidate<mysql::make::mariadb>, mysql_candidate<mysql::make::mysql>>;
INSTANTIATE_TYPED_TEST_SUITE_P(mysql, migration_exam, candidates);

} // namespace
} // namespace outbox
