// expect: include the headers of your Connector
#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"

void f(outbox::producer& producer, sql::Connection& db) { producer.send(db, {.to = outbox::subject{"a"}}); }
