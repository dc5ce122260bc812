#include "outbox/consumer/consumer.hpp"

void right_use(outbox::consumer& consumer) {
    consumer.run([](const outbox::delivery& d) {
        return d.has_tag("vip") ? outbox::outcome::ack() : outbox::outcome::dead_letter("no vip");
    });
    consumer.run_batches(10, [](std::span<const outbox::delivery* const> all) {
        return std::vector<outbox::outcome>(all.size(), outbox::outcome::ack());
    });
    for (auto& each : consumer.pull(10, std::chrono::seconds{1}))
        each.settle(outbox::outcome::retry_after(std::chrono::seconds{30}));
}
