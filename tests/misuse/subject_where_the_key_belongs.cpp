// expect: from .const outbox::subject. to .std::optional<outbox::order_key>
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::subject order_paid{"orders.paid"};

const outbox::message m{.to = order_paid, .key = order_paid};
