// expect: include the header of your client library
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/testing/testing.hpp"

const outbox::subject order_paid{"orders.paid"};

void look(sqlite3& db) {
    outbox::testing::expect_sent(db, order_paid);
}
