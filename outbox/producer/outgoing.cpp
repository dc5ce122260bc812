#include "outbox/producer/outgoing.hpp"

#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"

#include <exception>
#include <utility>
#include <vector>

namespace outbox {

outgoing::outgoing(id_source& ids, const message_limits& limits, pending_messages& pending)
    : ids_(&ids)
    , limits_(&limits)
    , pending_(&pending) {}

outgoing::outgoing(
    id_source& ids,
    const message_limits& limits,
    std::unique_ptr<store_session> session
)
    : ids_(&ids)
    , limits_(&limits)
    , session_(std::move(session)) {
    session_->require_open();
}

message_id outgoing::send(const message& m) {
    if (closed_)
        throw usage_error("outbox: a message was sent after its transaction had ended");
    try {
        envelope frozen = freeze(m, (*ids_)(), *limits_);
        const message_id id = frozen.id;
        if (pending_ != nullptr) {
            hold_back(std::move(frozen));
        } else {
            session_->require_open();
            session_->insert({&frozen, 1});
            OUTBOX_FAULT("producer.inserted");
        }
        return id;
    } catch (const std::exception& e) {
        poison(e.what());
        throw;
    }
}

void outgoing::send(std::span<const message> several) {
    if (pending_ != nullptr || closed_) {
        for (const message& m : several)
            send(m);
        return;
    }
    try {
        std::vector<envelope> rows;
        rows.reserve(several.size());
        for (const message& m : several)
            rows.push_back(freeze(m, (*ids_)(), *limits_));
        session_->require_open();
        if (!rows.empty())
            session_->insert(rows);
    } catch (const std::exception& e) {
        poison(e.what());
        throw;
    }
}

void outgoing::hold_back(envelope&& frozen) {
    pending_bytes_ += frozen.payload.size() + frozen.headers.size();
    if (pending_->rows.size() >= transaction_messages_max || pending_bytes_ > transaction_bytes_max)
        throw error(
            error_kind::invalid_argument,
            "a transaction sends more than 100000 messages or 256 MiB",
            "split it into several transactions"
        );
    pending_->rows.push_back(std::move(frozen));
}

void outgoing::poison(const char* why) noexcept {
    if (session_)
        session_->poison();
    else
        pending_->poisoned_by = why;
}

void outgoing::nudge() noexcept {
    try {
        if (session_)
            ring_doorbell(session_->doorbell());
    } catch (...) { // a nudge promises nothing, so it reports nothing
    }
}

} // namespace outbox
