// expect: those of GoogleTest include outbox/testing/gmock.hpp
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/testing/testing.hpp"

#include <gmock/gmock.h>

const outbox::subject order_paid{"orders.paid"};

void look(outbox::sqlite_transaction& tx) {
    outbox::testing::expect_sent(tx, order_paid, ::testing::_);
}
