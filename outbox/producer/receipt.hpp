#pragma once
// What you hold to wait for one message:
//
//   outbox::receipt r = producer.transact(db, [&](auto& tx, outbox::outgoing& out) {
//       …
//       return out.send(m, outbox::with_receipt);
//   });
//   if (producer.wait_delivered(r, 2s) == outbox::send_fate::delivered) …

#include "outbox/message/delivery_report.hpp"
#include "outbox/message/message_id.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace outbox {

namespace detail {

/// Shared by the receipt and the producer; filled once.
struct receipt_state {
    std::mutex mutex{};
    std::condition_variable changed{};
    std::optional<delivery_report> report{};
    /// Not empty: there is nothing to wait for, because of this.
    std::string withdrawn{};
};

} // namespace detail

/// Asks for a receipt; costs the row some 60 bytes.
struct with_receipt_t {
    explicit with_receipt_t() = default;
};
inline constexpr with_receipt_t with_receipt{};

/// Cheap to copy, may outlive the producer. Any thread.
class receipt {
public:
    const message_id& id() const noexcept { return id_; }
    /// The whole report, once it is known.
    std::optional<delivery_report> report() const {
        const std::lock_guard lock{state_->mutex};
        return state_->report;
    }

private:
    friend class producer;
    friend class outgoing;
    receipt(message_id id, std::shared_ptr<detail::receipt_state> state)
        : id_(id)
        , state_(std::move(state)) {}

    message_id id_;
    std::shared_ptr<detail::receipt_state> state_;
};

} // namespace outbox
