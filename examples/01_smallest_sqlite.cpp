// The smallest program on SQLite: order 42 is paid and a message says so, or neither.
//
//   outbox migrate up --db sqlite:shop.db
//   ./shop shop.db
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <sqlite3.h>

const outbox::subject order_paid{"orders.paid"};

int main(int argc, char** argv) {
    sqlite3* db = nullptr;
    if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK)
        return 1;
    outbox::producer producer;
    producer.transact(*db, [](outbox::sqlite_transaction& tx, outbox::outgoing& out) {
        tx.execute("create table if not exists orders (id integer primary key, state text)");
        tx.execute("insert into orders values (42, 'paid')");
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
    sqlite3_close(db);
}
