// expect: to .const outbox::retention// expect: no matching function for call to
#include "outbox/consumer/idempotency/idempotency_checker.hpp"

void f(outbox::idempotency_checker& checker) { checker.forget_before(std::chrono::hours{24}); }
