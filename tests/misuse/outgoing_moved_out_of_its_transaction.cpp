// expect: optional<outbox::outgoing>::emplace
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <optional>
#include <utility>
std::optional<outbox::outgoing> kept;
void f(outbox::outgoing& out) { kept.emplace(std::move(out)); }
