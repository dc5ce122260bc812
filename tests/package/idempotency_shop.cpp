// Somebody's consumer on SQLite: a message comes three times, and its points are given once, its
// mail is sent once.
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

const outbox::group_name points{"points"};
const outbox::group_name mails{"mails"};

int main() {
    const std::string path = "points.db";
    const auto shop = outbox::sqlite::open_database("sqlite:" + path);
    shop->open_migrator()->up();

    sqlite3* opened = nullptr;
    sqlite3_open(path.c_str(), &opened);
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db{opened, &sqlite3_close};
    outbox::producer producer;
    outbox::idempotency_checker checker{mails, [&] { return shop->open_claim_store(); }};

    const outbox::message_key order{"order 42"};
    int applied = 0;
    int sent = 0;
    for (int copy = 0; copy < 3; ++copy) {
        producer.transact(*db, [&](outbox::sqlite_transaction& tx, outbox::outgoing&) {
            applied += outbox::first_time(tx, points, order) ? 1 : 0;
        });
        outbox::claim_lease lease{checker, order, std::chrono::seconds{30}};
        if (lease.is_fresh()) {
            ++sent;
            lease.complete();
        }
    }
    std::printf("%d of 3 copies applied, %d mail sent\n", applied, sent);
    return applied == 1 && sent == 1 ? 0 : 1;
}
