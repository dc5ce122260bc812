// expect: error: cannot convert|error: could not convert|error: invalid initialization
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

void f(outbox::producer& producer, outbox::message_id id) {
    producer.wait_delivered(id, std::chrono::seconds{1});
}
