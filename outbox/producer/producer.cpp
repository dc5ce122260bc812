#include "outbox/producer/producer.hpp"

#include "outbox/base/error.hpp"
#include "outbox/producer/background.hpp"

namespace outbox {

producer::producer(producer_options options)
    : options_(std::move(options))
    , next_id_(options_.next_id)
    , fates_(std::make_shared<background>(background::settings{
          .receipt_address = options_.receipts.address,
          .receipt_deadline = options_.receipts.deadline,
          .pending_max = options_.receipts.pending_max,
      })) {
    if (!next_id_)
        next_id_ = [generator = std::make_shared<message_id_generator>()] {
            return generator->next();
        };
}

producer::~producer() {
    stop(options_.stop_patience);
}

void producer::stop(std::chrono::milliseconds patience) noexcept {
    fates_->stop(patience);
}

void producer::committed(const message_id& id) noexcept {
    fates_->committed({&id, 1});
}

send_fate producer::wait_delivered(const receipt& r, std::chrono::milliseconds patience) const {
    fates_->refuse_in_child();
    detail::receipt_state& state = *r.state_;
    std::unique_lock lock{state.mutex};
    state.changed.wait_for(lock, patience, [&] {
        return state.report || !state.withdrawn.empty();
    });
    if (state.report)
        return state.report->fate;
    if (!state.withdrawn.empty())
        throw error(
            error_kind::rejected,
            "there is nothing to wait for, message " + r.id_.text() +
                " is not known: " + state.withdrawn,
            "wait after the transaction has committed"
        );
    return send_fate::left_to_watchdog;
}

void producer::refuse_if_poisoned(const pending_messages& pending) {
    if (!pending.poisoned_by.empty())
        throw error(
            error_kind::rejected,
            "the transaction was not committed, because a message that belongs to it could not be "
            "sent: " +
                pending.poisoned_by,
            "let the exception of send() leave the function, or decide before sending"
        );
}

} // namespace outbox
