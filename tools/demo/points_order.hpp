#pragma once
// What the points service on every database does alike.

#include "outbox/base/fault.hpp"
#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/idempotency/first_time_numbered.hpp"

#include <string>

namespace outbox::demo {

/// Of a message made by order_message(), as text for SQL.
struct order_facts {
    std::string customer{};
    std::string position{};
};

inline order_facts read_order(const delivery& d) {
    const received_body body = d.body();
    return {std::to_string(body.integer("customer")), std::to_string(body.integer("position"))};
}

/// By its number, if the relay has given it one.
template <class Tx>
bool is_first(Tx& tx, const group_name& group, const delivery& d) {
    const bool first =
        d.number ? first_time_numbered(tx, group, *d.number) : first_time(tx, group, d.id);
    return first || OUTBOX_BROKEN("consumer.apply_every_copy");
}

} // namespace outbox::demo
