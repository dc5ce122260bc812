// expect: error: no matching function
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <string>
void f(const std::string& text) { const outbox::subject s{text}; }
