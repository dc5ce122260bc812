// expect: constraints not satisfied|unsatisfied constraints|no matching function
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

void f(outbox::producer& producer, pqxx::connection& db) { producer.send(db, {.to = outbox::subject{"a"}}); }
