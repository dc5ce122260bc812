// expect: transact\(\) takes a connection
#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"

void f(outbox::producer& producer, outbox::soci_transaction& tx) {
    producer.transact(tx, [](auto&, outbox::outgoing&) {});
}
