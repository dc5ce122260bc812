// expect: what transact\(\) gives your function as its first argument
#include "outbox/producer/producer.hpp"
#include "outbox/testing/testing.hpp"

const outbox::subject order_paid{"orders.paid"};

void look(outbox::outgoing& out) {
    outbox::testing::expect_sent(out, order_paid);
}
