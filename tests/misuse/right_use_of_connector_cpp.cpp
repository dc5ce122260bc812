#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>

const outbox::subject order_paid{"orders.paid"};

void right_use(sql::Connection& db, outbox::producer& producer) {
    producer.transact(db, [](outbox::connector_cpp_transaction& tx, outbox::outgoing& out) {
        tx.execute("update orders set state = 'paid' where id = 42");
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
    db.setAutoCommit(false);
    producer.send(db, {.to = order_paid});
    outbox::connector_cpp_transaction tx{db};
    producer.send(tx, {.to = order_paid});
    tx.commit();
}
