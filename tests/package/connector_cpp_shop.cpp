// Somebody's program on MySQL Connector/C++. Without a URL it only shows that it is all there.
#include <mysql_driver.h>

#include <cppconn/connection.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>

#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"

#include <cstdio>
#include <memory>

const outbox::subject order_paid{"orders.paid"};

void pay(outbox::producer& producer, sql::Connection& db) {
    producer.transact(db, [&](outbox::connector_cpp_transaction& tx, outbox::outgoing& out) {
        tx.execute("update orders set state = 'paid' where id = 42");
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
}

int main(int argc, char** argv) {
    outbox::producer producer;
    if (argc > 1) {
        const std::unique_ptr<sql::Connection> db{
            sql::mysql::get_driver_instance()->connect(argv[1], "shop", "")};
        pay(producer, *db);
    }
    std::printf("ready\n");
}
