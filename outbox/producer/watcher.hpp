#pragma once
// Who waits for the fate of one message: a listener, or a receipt that somebody holds, or both.
// Inside of the producer.

#include "outbox/message/delivery_report.hpp"
#include "outbox/producer/receipt.hpp"
#include "outbox/producer/send_listener.hpp"

#include <memory>

namespace outbox {

struct watcher {
    send_listener listener{};
    std::shared_ptr<detail::receipt_state> receipt{};

    bool empty() const noexcept { return listener.empty() && !receipt; }
};

/// A fate that is decided and has yet to be told.
struct settled_fate {
    watcher who{};
    delivery_report report{};
};

} // namespace outbox
