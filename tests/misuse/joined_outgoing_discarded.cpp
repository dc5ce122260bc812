// expect: ignoring return value
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::producer& producer, sqlite3& db) { producer.join(db); }
