// A payment is a call of somebody else's service, so no transaction of ours covers it. A lease in
// Redis keeps two members from charging at the same time; a mark, made behind the call, keeps what
// is charged from being charged again.
//
//   redis-server --port 6379 --appendonly yes --appendfsync always &
//   ./14_payment 127.0.0.1:9092 6379 /mnt/bank/account
//
// outbox::idempotent(checker, handler) does in one line what pay() does here.
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {

const outbox::subject order_placed{"orders.placed"};
const outbox::group_name payments{"payments"};

/// The bank, here: a file to which a line is added. Yours is an HTTP client with a time limit; let
/// the message id travel along, and a bank that looks at it also closes the last gap, a death
/// between the call and the mark.
void charge(const std::string& bank, const outbox::delivery& d) {
    std::ofstream account{bank, std::ios::app};
    account << d.id.text() << " " << d.body().integer("cents") << std::endl;
    if (!account)
        throw std::runtime_error{"the bank does not answer"};
}

outbox::outcome
say(const outbox::delivery& d, const std::string& what, const outbox::outcome& result) {
    std::printf("%s: %s\n", d.id.text().c_str(), what.c_str());
    std::fflush(stdout);
    return result;
}

outbox::outcome
pay(outbox::idempotency_checker& checker, const std::string& bank, const outbox::delivery& d) {
    outbox::claim_lease lease{checker, d.id, 60s}; // longer than the bank may take
    if (lease.state() == outbox::claim_state::done)
        return say(d, "charged before", outbox::outcome::ack());
    if (lease.state() == outbox::claim_state::in_progress) // or who was at work on it has died
        return say(d, "in progress", outbox::outcome::defer(lease.remaining()));
    try {
        charge(bank, d);
    } catch (const std::exception& e) {
        // The lease is given back on the way out. No attempt is counted, however long it takes.
        return say(d, e.what(), outbox::outcome::unavailable(e.what()));
    }
    lease.complete();
    return say(d, "charged", outbox::outcome::ack());
}

outbox::consumer* running = nullptr;

} // namespace

int main(int argc, char** argv) try {
    if (argc != 4) {
        std::fprintf(stderr, "usage: 14_payment BROKER REDIS_PORT BANK\n");
        return 2;
    }
    const outbox::hiredis_options redis{.port = std::stoi(argv[2])};
    const outbox::retention keep{
        14 * 24h,
        outbox::redelivery_horizon::of({.relay_outage = 24h, .broker_retention = 7 * 24h})};
    outbox::idempotency_checker checker{
        payments,
        [&] { return outbox::open_redis_claims(outbox::connect_hiredis(redis), keep); }};
    outbox::kafka_consumer consumer{
        {.brokers = argv[1]},
        {.group = payments, .subjects = {order_placed}}};
    running = &consumer;
    std::signal(SIGTERM, [](int) { running->request_stop(); });
    consumer.run([&](const outbox::delivery& d) -> outbox::outcome {
        try {
            return pay(checker, argv[3], d);
        } catch (const outbox::error& e) { // Redis is away: charge nobody unchecked
            return outbox::outcome::unavailable(e.what());
        }
    });
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "14_payment: %s\n", e.what());
    return 1;
}
