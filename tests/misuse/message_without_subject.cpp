// expect: error: no matching function|error: could not convert
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::outgoing& out) { out.send({.body = {{"orderId", 42}}}); }
