#pragma once
// The one look that the coordinator takes into what members tell about themselves: which topics a
// consumer has subscribed to, so that the offsets of a topic in use are not deleted under it.

#include "broker/group/group.hpp"

#include <string_view>

namespace outbox::broker {

/// What consumers call their protocol; its metadata begins with a version and the topics (Kafka's
/// ConsumerProtocolSubscription).
inline constexpr std::string_view consumer_protocol_type = "consumer";

/// Whether a member consumes the topic. One that cannot be understood counts as consuming all.
bool is_subscribed(const group& members, std::string_view topic);

} // namespace outbox::broker
