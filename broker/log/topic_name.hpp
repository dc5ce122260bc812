#pragma once
// The rule for topic names, checked before a name may become part of a path. It is Kafka's own
// rule.

#include <cstddef>
#include <string>
#include <string_view>

namespace outbox::broker {

inline constexpr std::size_t topic_name_size_max = 249;

/// 1 to 249 characters of [A-Za-z0-9._-], and neither "." nor "..".
bool is_valid_topic_name(std::string_view name) noexcept;

} // namespace outbox::broker
