// expect: takes a const outbox::delivery& and returns an outbox::outcome
#include "outbox/consumer/consumer.hpp"

void f(outbox::consumer& consumer) { consumer.run([](const outbox::delivery&) {}); }
