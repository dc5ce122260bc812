// Somebody's mailer with its claims in Redis. Without a port it only shows that it is all there.
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace std::chrono_literals;

bool mail_once(outbox::idempotency_checker& checker, const outbox::message_key& order) {
    outbox::claim_lease lease{checker, order, 30s};
    return lease.is_fresh() && lease.complete();
}

int main(int argc, char** argv) {
    const int port = argc > 1 ? std::atoi(argv[1]) : 0;
    outbox::idempotency_checker checker{
        outbox::group_name{"mails"},
        [port] {
            const outbox::retention keep{
                14 * 24h,
                outbox::redelivery_horizon::of({.relay_outage = 24h, .broker_retention = 7 * 24h})};
            return outbox::open_redis_claims(outbox::connect_hiredis({.port = port}), keep);
        }};
    if (port != 0)
        std::printf("%s\n", mail_once(checker, outbox::message_key{"order 42"}) ? "sent" : "not");
    std::printf("ready\n");
}
