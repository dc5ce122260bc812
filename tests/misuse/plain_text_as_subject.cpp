// expect: from .const char.* to .outbox::subject
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::message m{.to = "orders.paid"};
