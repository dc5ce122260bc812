// expect: from .int. to .std::optional<outbox::delivery_time>
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::message m{.to = outbox::subject{"a"}, .deliver = 30};
