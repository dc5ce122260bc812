// expect: libpqxx: a pqxx::work, not the connection
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

const outbox::group_name billing{"billing"};

bool f(pqxx::nontransaction& tx, const outbox::message_id& id) { return outbox::first_time(tx, billing, id); }
