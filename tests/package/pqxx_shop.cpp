// Somebody's program on PostgreSQL. Without a URL it only shows that it is all there.
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

#include <cstdio>

const outbox::subject order_paid{"orders.paid"};

void pay(outbox::producer& producer, pqxx::connection& db, int id) {
    producer.transact(db, [&](auto& tx, outbox::outgoing& out) {
        tx.exec_params("update orders set state = 'paid' where id = $1", id);
        out.send({.to = order_paid, .body = {{"orderId", id}}, .key = outbox::order_key{id}});
    });
}

int main(int argc, char** argv) {
    outbox::producer producer;
    if (argc > 1) {
        pqxx::connection db{argv[1]};
        pay(producer, db, 42);
    }
    std::printf("ready\n");
}
