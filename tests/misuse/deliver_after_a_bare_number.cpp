// expect: from .int. to .std::chrono::microseconds
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::message m{.to = outbox::subject{"a"}, .deliver = outbox::deliver_after(30)};
