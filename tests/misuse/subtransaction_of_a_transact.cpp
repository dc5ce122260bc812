// expect: error: no matching function|cannot convert|invalid initialization
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

void f(outbox::producer& producer, pqxx::connection& db) {
    producer.transact(db, [](outbox::pqxx_transaction& tx, outbox::outgoing&) { pqxx::subtransaction inner{tx}; });
}
