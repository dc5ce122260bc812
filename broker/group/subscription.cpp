#include "broker/group/subscription.hpp"

#include "wire/reader.hpp"

namespace outbox::broker {

namespace {

bool names(bytes_view subscription, std::string_view topic) {
    wire::reader in(subscription);
    in.int16(); // version: later ones only add behind
    const std::int32_t count = in.int32();
    bool found = false;
    for (std::int32_t i = 0; i < count && in.ok(); ++i) {
        const std::int16_t size = in.int16();
        if (size < 0)
            in.fail(wire::decode_error::bad_length);
        else
            found = in.take(static_cast<std::size_t>(size)) == topic || found;
    }
    return found || !in.ok();
}

} // namespace

bool is_subscribed(const group& members, std::string_view topic) {
    for (const auto& [id, m] : members.members())
        for (const auto& protocol : m.protocols)
            if (names(protocol.metadata, topic))
                return true;
    return false;
}

} // namespace outbox::broker
