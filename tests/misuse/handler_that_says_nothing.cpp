// expect: error: no matching function|constraints not satisfied
#include "outbox/consumer/consumer.hpp"

void f(outbox::consumer& consumer) { consumer.run([](const outbox::delivery&) {}); }
