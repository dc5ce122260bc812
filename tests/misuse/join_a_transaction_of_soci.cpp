// expect: SOCI: an outbox::soci_transaction
#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"

void f(outbox::producer& producer, soci::transaction& tx) { [[maybe_unused]] auto out = producer.join(tx); }
