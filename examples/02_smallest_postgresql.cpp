// The smallest program on PostgreSQL, with libpqxx: order 42 is paid and a message says so, or
// neither.
//
//   outbox migrate up --db postgresql://shop@127.0.0.1/shop
//   ./shop postgresql://shop@127.0.0.1/shop
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

const outbox::subject order_paid{"orders.paid"};

int main(int argc, char** argv) {
    if (argc != 2)
        return 1;
    pqxx::connection db{argv[1]};
    outbox::producer producer;
    producer.transact(db, [](auto& tx, outbox::outgoing& out) {
        tx.exec("create table if not exists orders (id integer primary key, state text)");
        tx.exec_params("insert into orders values ($1, 'paid')", 42);
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
}
