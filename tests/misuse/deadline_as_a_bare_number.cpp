// expect: error: no matching function
#include "outbox/producer/producer.hpp"

void f(outbox::producer& producer) { producer.post({.to = outbox::subject{"a"}}, {.deadline = 30}); }
