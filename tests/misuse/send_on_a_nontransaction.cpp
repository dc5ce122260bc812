// expect: not a nontransaction
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

void f(outbox::producer& producer, pqxx::nontransaction& tx) { producer.send(tx, {.to = outbox::subject{"a"}}); }
