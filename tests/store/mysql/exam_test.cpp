#include "tests/store/mysql/mariadb.hpp"
#include "tests/store/relay_store_exam.hpp"

namespace outbox {
namespace {

class mariadb_candidate {
public:
    std::unique_ptr<database> open() { return mysql::open_database(place_.url()); }
    void alter_checksum() {
        mysql::sql_session{place_.url()}.execute(
            "update outbox_schema_version set checksum = 'edited'"
        );
    }

private:
    mysql::test_database place_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(mariadb, relay_store_exam, mariadb_candidate);

} // namespace
} // namespace outbox
