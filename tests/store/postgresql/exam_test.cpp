#include "tests/store/postgresql/postgres.hpp"
#include "tests/store/relay_store_exam.hpp"

namespace outbox {
namespace {

class postgresql_candidate {
public:
    std::unique_ptr<database> open() { return postgresql::open_database(place_.url()); }
    void alter_checksum() {
        postgresql::sql_session{place_.url()}.execute(
            "update outbox.schema_version set checksum = 'edited'"
        );
    }

private:
    postgresql::test_database place_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(postgresql, relay_store_exam, postgresql_candidate);

} // namespace
} // namespace outbox
