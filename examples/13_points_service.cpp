// Customers get points for what they pay. The message may come any number of times, the points come
// once: that it is done is written in the same transaction as the points.
//
//   outbox migrate up --db postgresql://shop@127.0.0.1/shop
//   ./13_points_service postgresql://shop@127.0.0.1/shop 127.0.0.1:9092
//
// 16_points_service.py and 17_points_service.js are the same service. All of them may be members of
// one group, because they write the same rows.
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

namespace {

const outbox::subject order_paid{"orders.paid"};
const outbox::group_name points{"points"};

outbox::consumer* running = nullptr;

} // namespace

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::fprintf(stderr, "usage: 13_points_service URL BROKER\n");
        return 2;
    }
    pqxx::connection db{argv[1]};
    {
        pqxx::work tx{db};
        tx.exec("create table if not exists points "
                "(customer text primary key, points bigint not null)");
        tx.commit();
    }
    outbox::kafka_consumer consumer{
        {.brokers = argv[2]},
        {.group = points, .subjects = {order_paid}, .handlers = 1}}; // there is one connection
    running = &consumer;
    std::signal(SIGTERM, [](int) { running->request_stop(); });
    consumer.run([&](const outbox::delivery& d) {
        pqxx::work tx{db};
        const bool is_new = outbox::first_time(tx, points, d.id);
        if (is_new)
            tx.exec_params(
                "insert into points values ($1, $2) "
                "on conflict (customer) do update set points = points.points + excluded.points",
                d.body().text("customer"),
                d.body().integer("points")
            );
        tx.commit();
        std::printf("%s: %s\n", d.id.text().c_str(), is_new ? "applied" : "known");
        std::fflush(stdout);
        // Behind the commit, never before. When that throws, the message comes again, also when
        // nobody knows whether it has committed: first_time() will.
        return outbox::outcome::ack();
    });
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "13_points_service: %s\n", e.what());
    return 1;
}
