// expect: to .const outbox::retention
#include "outbox/consumer/idempotency/idempotency_checker.hpp"

void f(outbox::idempotency_checker& checker) { checker.forget_before(std::chrono::hours{24}); }
