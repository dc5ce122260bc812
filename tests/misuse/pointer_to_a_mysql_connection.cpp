// expect: a reference to it, not a pointer
#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>

#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"

void f(outbox::producer& producer, sql::Connection* db) { producer.send(db, {.to = outbox::subject{"a"}}); }
