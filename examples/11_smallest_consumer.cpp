// The smallest consumer: hears of every order that is paid, until it is told to stop (SIGTERM).
//
//   ./billing 127.0.0.1:9092
#include "outbox/consumer/kafka/kafka_consumer.hpp"

#include <csignal>
#include <iostream>

const outbox::subject order_paid{"orders.paid"};
const outbox::group_name billing{"billing"};

outbox::consumer* running = nullptr;

int main(int argc, char** argv) {
    if (argc != 2)
        return 1;
    outbox::kafka_consumer consumer{
        {.brokers = argv[1]},
        {.group = billing, .subjects = {order_paid}}};
    running = &consumer;
    std::signal(SIGTERM, [](int) { running->request_stop(); });
    consumer.run([](const outbox::delivery& d) {
        std::cout << "order " << d.body().integer("orderId") << " is paid" << std::endl;
        return outbox::outcome::ack();
    });
}
