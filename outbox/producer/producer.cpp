#include "outbox/producer/producer.hpp"

#include "outbox/base/error.hpp"

namespace outbox {

producer::producer(producer_options options)
    : options_(std::move(options))
    , next_id_(options_.next_id) {
    if (!next_id_)
        next_id_ = [generator = std::make_shared<message_id_generator>()] {
            return generator->next();
        };
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
