// One program for three databases, with SOCI; the connection string chooses.
//
//   ./04_soci "sqlite3://db=shop.db"
//   ./04_soci "postgresql://host=127.0.0.1 user=shop dbname=shop"
//   ./04_soci "mysql://host=127.0.0.1 user=shop dbname=shop"
//
// The tables of the outbox are there already, as `outbox migrate up --db URL` makes them.
#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"

const outbox::subject order_paid{"orders.paid"};

void pay(outbox::producer& producer, soci::session& db, int id) {
    producer.transact(db, [&](outbox::soci_transaction& tx, outbox::outgoing& out) {
        tx.session() << "insert into orders values (:id, 'paid')", soci::use(id);
        out.send({.to = order_paid, .body = {{"orderId", id}}, .key = outbox::order_key{id}});
    });
}

int main(int argc, char** argv) {
    if (argc != 2)
        return 1;
    soci::session db{argv[1]};
    db << "create table if not exists orders (id integer primary key, state varchar(20))";
    outbox::producer producer;
    pay(producer, db, 42);
}
