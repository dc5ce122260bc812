// expect: ignoring return value
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::group_name billing{"billing"};

void f(sqlite3& db, const outbox::message_id& id) { outbox::first_time(db, billing, id); }
