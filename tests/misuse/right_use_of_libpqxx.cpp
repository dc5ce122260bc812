#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

const outbox::subject order_paid{"orders.paid"};
const outbox::group_name billing{"billing"};

void right_use(pqxx::connection& db, pqxx::work& tx, pqxx::subtransaction& inner, outbox::producer& producer) {
    producer.transact(db, [](auto& mine, outbox::outgoing& out) {
        mine.exec_params("update orders set state = 'paid' where id = $1", 42);
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
    producer.send(tx, {.to = order_paid});
    producer.send(inner, {.to = order_paid});
    const outbox::message_id id;
    if (outbox::first_time(tx, billing, id) || outbox::first_time(inner, billing, id))
        return;
}
