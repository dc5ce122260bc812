// The listeners' exam on databases with a server.

#include "tests/producer/listener_exam.hpp"
#include "tests/store/doors/places.hpp"

namespace outbox::testing {
namespace {

using served = ::testing::Types<doors::on_postgresql, doors::on_mysql<doors::mariadb_database>>;
INSTANTIATE_TYPED_TEST_SUITE_P(served, listener_exam, served, doors::name_of_place);

} // namespace
} // namespace outbox::testing
