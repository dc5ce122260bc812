// A message for later: a reminder in half an hour. The clock of
// the database decides when it is due.
//
//   outbox migrate up --db sqlite:shop.db
//   ./06_scheduled shop.db
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <sqlite3.h>

#include <chrono>

using namespace std::chrono_literals;

const outbox::subject order_placed{"orders.placed"};
const outbox::subject order_reminder{"orders.reminder"};

int main(int argc, char** argv) {
    sqlite3* db = nullptr;
    if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK)
        return 1;
    outbox::producer producer;
    producer.transact(*db, [](outbox::sqlite_transaction& tx, outbox::outgoing& out) {
        tx.execute("create table if not exists orders (id integer primary key, state text)");
        tx.execute("insert into orders values (42, 'placed')");
        const outbox::order_key key{42};
        out.send({.to = order_placed, .body = {{"orderId", 42}}, .key = key});
        out.send(
            {.to = order_reminder,
             .body = {{"orderId", 42}},
             .key = key,
             .deliver = outbox::deliver_after(30min)}
        );
    });
    sqlite3_close(db);
}
