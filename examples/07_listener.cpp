// What became of a message: a listener is told, or you wait for a receipt. The watchdog delivers,
// in a process of its own.
//
//   outbox migrate up --db sqlite:shop.db
//   outbox-broker --data-dir data --listen 127.0.0.1:9092 &
//   outbox-watchdog --config watchdog.toml &             # with url = "sqlite:shop.db", see README
//   ./07_listener shop.db
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <sqlite3.h>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

const outbox::subject order_paid{"orders.paid"};
const outbox::subject invoice_due{"invoices.due"};

// On a thread of the producer, once for each message, never before COMMIT.
const outbox::send_listener tell{
    .on_delivered =
        [](const outbox::delivery_report& r) {
            std::printf(
                "%s: delivered, offset %lld\n",
                r.subject.c_str(),
                static_cast<long long>(r.position.offset)
            );
        },
    // Mostly left_to_watchdog, which is no loss: there is nothing to send again.
    .on_failed = [](const outbox::delivery_report& r
                 ) { std::printf("%s: %s\n", r.subject.c_str(), to_string(r.fate)); }};

int main(int argc, char** argv) {
    sqlite3* db = nullptr;
    if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK)
        return 1;
    sqlite3_busy_timeout(db, 5'000); // the watchdog writes its progress into the same file
    outbox::producer producer;
    const outbox::receipt invoice =
        producer.transact(*db, [](outbox::sqlite_transaction& tx, outbox::outgoing& out) {
            tx.execute("create table if not exists orders (id integer primary key, state text)");
            tx.execute("insert into orders values (42, 'paid')");
            const outbox::order_key key{42};
            out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = key}, tell);
            return out.send(
                {.to = invoice_due, .body = {{"orderId", 42}}, .key = key},
                outbox::with_receipt
            );
        });
    const outbox::send_fate fate = producer.wait_delivered(invoice, 10s);
    std::printf("%s: %s\n", invoice_due.text().c_str(), to_string(fate));
    producer.stop(1s); // listeners that have not returned
    sqlite3_close(db);
}
