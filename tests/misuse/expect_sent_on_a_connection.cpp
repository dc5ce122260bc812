// expect: expect_sent\(\) looks into a transaction
#include "outbox/store/postgresql/pqxx.hpp"
#include "outbox/testing/testing.hpp"

void nothing_is_sent_there(pqxx::connection& db) {
    outbox::testing::expect_nothing_sent(db);
}
