// An order that nobody pays in time is cancelled. A message for later, sent with the order, asks
// after it; paying takes that message back.
//
//   outbox migrate up --db postgresql://shop@127.0.0.1/shop
//   outbox-broker --data-dir data --listen 127.0.0.1:9092 &
//   outbox-watchdog --config watchdog.toml &             # see README
//   ./12_order_timeout postgresql://shop@127.0.0.1/shop place 42 1800     # seconds to pay in
//   ./12_order_timeout postgresql://shop@127.0.0.1/shop pay 42
//   ./12_order_timeout postgresql://shop@127.0.0.1/shop watch 127.0.0.1:9092
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

const outbox::subject payment_due{"orders.payment-due"};
const outbox::subject order_cancelled{"orders.cancelled"};
const outbox::group_name desk{"order-desk"};

void place(pqxx::connection& db, int id, std::chrono::seconds patience) {
    outbox::producer producer;
    producer.transact(db, [&](auto& tx, outbox::outgoing& out) {
        const outbox::message_id reminder = out.send(
            {.to = payment_due,
             .body = {{"orderId", id}},
             .key = outbox::order_key{id},
             .deliver = outbox::deliver_after(patience)}
        );
        tx.exec_params("insert into orders values ($1, 'placed', $2)", id, reminder.text());
    });
}

void pay(pqxx::connection& db, int id) {
    outbox::producer producer;
    producer.transact(db, [&](auto& tx, outbox::outgoing& out) {
        const pqxx::result paid = tx.exec_params(
            "update orders set state = 'paid' where id = $1 and state = 'placed' returning "
            "reminder",
            id
        );
        if (paid.empty())
            throw std::runtime_error{"no such order waits to be paid"};
        // Too late, when it says false: the message is on its way, and will find a paid order.
        out.cancel(outbox::message_id::parse(paid[0][0].as<std::string>()).value());
    });
}

outbox::consumer* running = nullptr;

void watch(pqxx::connection& db, const std::string& broker) {
    outbox::producer producer;
    outbox::kafka_consumer consumer{
        {.brokers = broker},
        {.group = desk, .subjects = {payment_due}, .handlers = 1}}; // there is one connection
    running = &consumer;
    std::signal(SIGTERM, [](int) { running->request_stop(); });
    std::signal(SIGINT, [](int) { running->request_stop(); });
    consumer.run([&](const outbox::delivery& d) {
        const auto id = d.body().integer("orderId");
        const bool cancelled = producer.transact(db, [&](auto& tx, outbox::outgoing& out) {
            // The state is the check. A second delivery changes nothing and sends nothing, nor does
            // one that could not be taken back.
            const pqxx::result changed = tx.exec_params(
                "update orders set state = 'cancelled' where id = $1 and state = 'placed'",
                id
            );
            if (changed.affected_rows() == 0)
                return false;
            out.send(
                {.to = order_cancelled, .body = {{"orderId", id}}, .key = outbox::order_key{id}}
            );
            return true;
        });
        std::printf(
            "order %ld: %s\n",
            static_cast<long>(id),
            cancelled ? "cancelled" : "as it was"
        );
        std::fflush(stdout);
        return outbox::outcome::ack();
    });
}

} // namespace

int main(int argc, char** argv) try {
    const std::string verb = argc > 2 ? argv[2] : "";
    if ((verb != "place" || argc != 5) && (verb != "pay" || argc != 4) &&
        (verb != "watch" || argc != 4)) {
        std::fprintf(stderr, "say: URL place ID SECONDS, URL pay ID, or URL watch BROKER\n");
        return 2;
    }
    pqxx::connection db{argv[1]};
    {
        pqxx::work tx{db};
        tx.exec("create table if not exists orders "
                "(id integer primary key, state text not null, reminder uuid not null)");
        tx.commit();
    }
    if (verb == "place")
        place(db, std::stoi(argv[3]), std::chrono::seconds{std::stoi(argv[4])});
    else if (verb == "pay")
        pay(db, std::stoi(argv[3]));
    else
        watch(db, argv[3]);
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "12_order_timeout: %s\n", e.what());
    return 1;
}
