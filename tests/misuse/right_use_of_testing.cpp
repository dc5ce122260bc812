// The control of the mistakes in expect_sent(): each of them done right.
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/testing/gmock.hpp"
#include "outbox/testing/testing.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>

const outbox::subject order_paid{"orders.paid"};

void look(pqxx::work& tx, sqlite3& db) {
    outbox::testing::expect_nothing_sent(tx);
    outbox::testing::expect_sent(db, order_paid, ::testing::_);
}
