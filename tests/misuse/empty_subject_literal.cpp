// expect: this_literal_breaks_the_rule
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

const outbox::subject bad{""};
