// expect: to .outbox::subject
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::message m{.body = {{"orderId", 42}}};
