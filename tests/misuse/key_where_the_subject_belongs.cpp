// expect: error: could not convert|error: no matching function
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::outgoing& out) { out.send({.to = outbox::order_key{42}}); }
