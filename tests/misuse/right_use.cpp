#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::subject order_paid{"orders.paid"};
const outbox::subject longest{
    "01234567890123456789012345678901234567890123456789"
    "01234567890123456789012345678901234567890123456789"
    "01234567890123456789012345678901234567890123456789"
    "01234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678"};

void right_use(sqlite3& db, outbox::producer& producer) {
    producer.transact(db, [](outbox::sqlite_transaction&, outbox::outgoing& out) {
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
    producer.send(db, {.to = outbox::subject::parse("run.time"), .tags = {outbox::tag{"vip"}}});
    outbox::outgoing out = producer.join(db);
    out.send({.to = longest, .deliver = outbox::deliver_after(std::chrono::seconds{30})});
    out.send({{.to = order_paid}, {.to = order_paid}});
    out.send({.to = order_paid}, {.on_failed = [](const outbox::delivery_report&) {}});
    const outbox::receipt r = out.send({.to = order_paid}, outbox::with_receipt);
    producer.wait_delivered(r, std::chrono::seconds{1});
    producer.post(
        {.to = order_paid},
        {.durability = outbox::durability::in_memory, .deadline = std::chrono::seconds{30}}
    );
}
