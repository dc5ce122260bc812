// The smallest program on MariaDB, with Connector/C++: order 42 is paid and a message says so, or
// neither.
//
//   outbox migrate up --db mysql://shop@127.0.0.1/shop
//   ./shop tcp://127.0.0.1:3306/shop shop
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <mysql_driver.h>

#include "outbox/producer/producer.hpp"
#include "outbox/store/mysql/connector_cpp.hpp"

#include <memory>

const outbox::subject order_paid{"orders.paid"};

int main(int argc, char** argv) {
    if (argc != 3)
        return 1;
    const std::unique_ptr<sql::Connection> db{
        sql::mysql::get_driver_instance()->connect(argv[1], argv[2], "")};
    const std::unique_ptr<sql::Statement> statement{db->createStatement()};
    // Not in the transaction: on MariaDB this would commit it.
    statement->execute("create table if not exists orders (id int primary key, state text)");
    outbox::producer producer;
    producer.transact(*db, [](outbox::connector_cpp_transaction& tx, outbox::outgoing& out) {
        tx.execute("insert into orders values (42, 'paid')");
        out.send({.to = order_paid, .body = {{"orderId", 42}}, .key = outbox::order_key{42}});
    });
}
