#pragma once
// The message of a placed order, made by the shop and read by the audience.

#include "outbox/message/message.hpp"
#include "tools/demo/shop.hpp"

#include <stdexcept>
#include <string>

namespace outbox::demo {

/// Thrown inside a transaction to take an order back; the shop catches it outside.
struct customer_changed_his_mind : std::runtime_error {
    customer_changed_his_mind() : std::runtime_error("the customer changed his mind") {}
};

inline message order_message(const std::string& subject, const order& o, std::int64_t position) {
    return {
        .to = outbox::subject::parse(subject),
        .body = {{"orderId", o.id}, {"customer", o.customer}, {"position", position}},
        .key = order_key{o.customer},
    };
}

} // namespace outbox::demo
