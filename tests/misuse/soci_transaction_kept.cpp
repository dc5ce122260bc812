// expect: use of deleted function
#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"

void f(outbox::soci_transaction& tx) { outbox::soci_transaction kept = tx; }
