// expect: returns a std::vector<outbox::outcome>, one for each message
#include "outbox/consumer/consumer.hpp"

void f(outbox::consumer& consumer) {
    consumer.run_batches(10, [](std::span<const outbox::delivery* const>) {});
}
