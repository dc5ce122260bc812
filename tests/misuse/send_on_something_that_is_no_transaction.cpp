// expect: nothing would bind a message to this
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::producer& producer, int& db) { producer.send(db, {.to = outbox::subject{"a"}}); }
