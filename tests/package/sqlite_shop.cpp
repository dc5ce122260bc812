// Somebody's program on SQLite: makes the tables, pays an order, and looks whether its message
// waits.
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <sqlite3.h>

#include <cstdio>
#include <memory>
#include <string>

const outbox::subject order_paid{"orders.paid"};

int main() {
    const std::string path = "shop.db";
    const auto shop = outbox::sqlite::open_database("sqlite:" + path);
    shop->open_migrator()->up();

    sqlite3* opened = nullptr;
    sqlite3_open(path.c_str(), &opened);
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db{opened, &sqlite3_close};
    outbox::producer producer;
    producer.transact(*db, [&](outbox::sqlite_transaction& tx, outbox::outgoing& out) {
        tx.execute("create table orders (id integer primary key, state text)");
        tx.execute("insert into orders values (42, 'paid')");
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });

    const auto waiting = shop->open_relay_store()->status(0).backlog;
    std::printf("%d message waits\n", static_cast<int>(waiting));
    return waiting == 1 ? 0 : 1;
}
