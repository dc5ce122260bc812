// You have a transaction already, begin it and commit it yourself: the producer joins.
//
//   outbox migrate up --db postgresql://shop@127.0.0.1/shop
//   ./05_own_transaction postgresql://shop@127.0.0.1/shop
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

const outbox::subject order_placed{"orders.placed"};
const outbox::subject order_paid{"orders.paid"};

int main(int argc, char** argv) {
    if (argc != 2)
        return 1;
    pqxx::connection db{argv[1]};
    outbox::producer producer;

    pqxx::work tx{db};
    outbox::outgoing out = producer.join(tx);
    tx.exec("create table if not exists orders (id integer primary key, state text)");
    tx.exec_params("insert into orders values ($1, 'placed')", 42);
    // Written now, so behind the change that it speaks of: the row lock makes the order of the
    // messages that of the commits.
    out.send({.to = order_placed, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});

    // A savepoint takes its messages along. This one is not released, so nobody hears of it.
    {
        pqxx::subtransaction attempt{tx, "attempt"};
        // The pitfall of libpqxx 6: exec_params(), said first, would run outside of it.
        attempt.exec("update orders set state = 'paid' where id = 42");
        producer.send(
            attempt,
            {.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}}
        );
    }
    tx.commit();
    out.nudge(); // forgotten, it costs at most a second
}
