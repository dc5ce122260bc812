// expect: cannot bind non-const lvalue reference|no matching function
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::producer& producer) { producer.send(nullptr, {.to = outbox::subject{"a"}}); }
