#include "tests/consumer/idempotency/claim_places.hpp"
#include "tests/consumer/idempotency/claim_store_exam.hpp"

namespace outbox {
namespace {

using places = testing::Types<
    claims_in_a_database<doors::sqlite_database>,
    claims_in_a_database<doors::postgres_database>,
    claims_in_a_database<doors::mariadb_database>,
    claims_in_a_database<doors::mysql_database>,
    claims_in_redis>;
INSTANTIATE_TYPED_TEST_SUITE_P(places, claim_store_exam, places);

} // namespace
} // namespace outbox
