// Somebody's program on SOCI. Without a URL it only shows that it is all there.
#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"

#include <cstdio>

const outbox::subject order_paid{"orders.paid"};

void pay(outbox::producer& producer, soci::session& db, int id) {
    producer.transact(db, [&](outbox::soci_transaction& tx, outbox::outgoing& out) {
        tx.session() << "update orders set state = 'paid' where id = :id", soci::use(id);
        out.send({.to = order_paid, .body = {{"orderId", id}}, .key = outbox::order_key{id}});
    });
}

int main(int argc, char** argv) {
    outbox::producer producer;
    if (argc > 1) {
        soci::session db{argv[1]};
        pay(producer, db, 42);
    }
    std::printf("ready\n");
}
