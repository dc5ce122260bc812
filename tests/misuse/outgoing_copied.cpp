// expect: use of deleted function
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::outgoing& out) { outbox::outgoing kept = out; }
