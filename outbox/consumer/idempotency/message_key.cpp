#include "outbox/consumer/idempotency/message_key.hpp"

#include "outbox/base/error.hpp"

#include <utility>

namespace outbox {

message_key::message_key(const message_id& id) : raw_(id.raw()) {
    if (id.is_nil())
        throw error(
            error_kind::invalid_argument,
            "a message without an id cannot be recognised when it comes again",
            "make the key of something that its sender put into it"
        );
}

message_key::message_key(std::string text) : raw_(std::move(text)) {
    if (raw_.empty() || raw_.size() > message_key_bytes_max)
        throw error(
            error_kind::invalid_argument,
            "the key of a message has " + std::to_string(raw_.size()) + " bytes",
            "1 to " + std::to_string(message_key_bytes_max) +
                " are allowed; take a hash of what is longer"
        );
}

} // namespace outbox
