// expect: does not fit 64 signed bits
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

#include <cstdint>
const outbox::body b{{"n", std::uint64_t{1}}};
