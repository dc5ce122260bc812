// expect: libpqxx: a pqxx::work, not the connection
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

void f(outbox::producer& producer, pqxx::connection& db) { producer.send(db, {.to = outbox::subject{"a"}}); }
