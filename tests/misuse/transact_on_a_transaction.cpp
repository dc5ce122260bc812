// expect: transact\(\) takes a connection
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

void f(outbox::producer& producer, pqxx::work& tx) {
    producer.transact(tx, [](auto&, outbox::outgoing&) {});
}
