#include "bench/application.hpp"

#include "bench/workload.hpp"
#include "outbox/base/error.hpp"

namespace outbox::bench {

void application::with_peer(peer, long, int) {
    throw usage_error{"this application has no such peer"};
}

void application::handle(long, const std::optional<message_key>&) {
    throw usage_error{"this application consumes nothing"};
}

void application::handle_numbered(long, const delivery_number&) {
    throw usage_error{"this application consumes nothing"};
}

void application::handle_in_transact(long, const std::optional<message_key>&) {
    throw usage_error{"this application consumes nothing"};
}

void send_messages(outgoing& out, long number, int messages) {
    static const outbox::subject orders{"orders"};
    for (int i = 0; i < messages; ++i)
        out.send({
            .to = orders,
            .body = body::raw(payload(number), "application/json"),
            .key = order_key{number % key_count},
        });
}

} // namespace outbox::bench
