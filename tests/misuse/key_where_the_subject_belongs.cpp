// expect: from .outbox::order_key. to .outbox::subject
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::message m{.to = outbox::order_key{42}};
