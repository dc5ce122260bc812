#pragma once
// A message as a test looks at it: taken apart again, wherever it was found. The same in an open
// transaction, in the outbox, and at the in-memory target, so that one matcher serves all three.

#include "outbox/base/bytes.hpp"
#include "outbox/message/envelope.hpp"
#include "outbox/message/header.hpp"
#include "outbox/message/message_id.hpp"

#include <optional>
#include <string>
#include <vector>

namespace outbox::testing {

struct sent_message {
    message_id id{};
    std::string subject{};
    /// What `.body = {{…}}` has become is JSON text.
    bytes payload{};
    std::optional<bytes> key{};
    std::vector<std::string> tags{};
    headers properties{};
    /// "application/json" for named values; empty when the sender said nothing.
    std::string content_type{};
    /// Not before this time; what a delay has become once it is written. Nothing for a message that
    /// goes at once, and for one that has arrived.
    std::optional<delivery_time> deliver{};

    /// The property called `name`, or nothing.
    std::optional<bytes> property(std::string_view name) const;
};

/// Throws outbox::error (corrupt) when its headers are not in our format.
sent_message take_apart(const envelope& row);

/// One line for people: subject, key, tags, payload; bytes that are no text as hexadecimal digits,
/// what is long cut off.
std::string describe(const sent_message& m);

} // namespace outbox::testing
