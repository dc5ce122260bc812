#include "broker/api/handle.hpp"
#include "broker/api/log_error.hpp"
#include "outbox/base/log.hpp"

namespace outbox::broker {

// A producer that asks again, having lost track, gets a new id: its old numbers mean nothing any
// more. That is what Kafka does for producers without transactions.
void handle_init_producer_id(core& broker, call<wire::init_producer_id_api> request) {
    if (request.request().transactional_id) {
        request.answer({.error = wire::error_code::transactional_id_authorization_failed});
        return;
    }
    // The log reserves ids in blocks, and reserving one waits for the disk.
    auto shared = std::make_shared<call<wire::init_producer_id_api>>(std::move(request));
    broker.loop.offload([&broker, shared] {
        std::error_code ec;
        const std::int64_t id = broker.logs.next_producer_id(ec);
        broker.loop.post([shared, id, ec] {
            if (ec) {
                log(log_level::warning, "broker", "no producer id: " + ec.message());
                shared->answer({.error = to_error_code(ec)});
            } else {
                shared->answer({.producer_id = id, .producer_epoch = 0});
            }
        });
    });
}

} // namespace outbox::broker
