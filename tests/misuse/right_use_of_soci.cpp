#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"

const outbox::subject order_paid{"orders.paid"};

void right_use(soci::session& db, outbox::producer& producer) {
    producer.transact(db, [](outbox::soci_transaction& tx, outbox::outgoing& out) {
        const int id = 42;
        tx.session() << "update orders set state = 'paid' where id = :id", soci::use(id);
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
    outbox::soci_transaction tx{db};
    producer.send(tx, {.to = order_paid});
    tx.commit();
}
