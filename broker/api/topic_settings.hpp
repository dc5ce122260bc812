#pragma once
// The configuration keys of a topic under Kafka's names: which there are, their defaults, and which
// values this broker honours. A key that it does not act upon is known, described, and accepted
// only with its default value: a setting that was accepted and then ignored would be a lie.

#include "broker/log/topic_config.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace outbox::broker {

inline constexpr std::string_view max_message_bytes_key = "max.message.bytes";

/// The protocol's numbers for the type of a configuration value.
enum class setting_type : std::int8_t {
    boolean = 1,
    string = 2,
    int32 = 3,
    int64 = 5,
    number = 6,
    list = 7,
};

struct topic_setting {
    std::string_view key;
    setting_type type;
    /// Its built-in default; those that `topic_config` holds are overridden by it.
    std::string_view value;
    /// Whether a value other than the default is honoured.
    bool settable;
    std::string_view documentation;
};

/// Sorted by key.
std::span<const topic_setting> topic_settings() noexcept;
const topic_setting* find_topic_setting(std::string_view key) noexcept;

/// The default of a key as text, where `defaults` and `message_bytes_max` are those of this broker.
std::string default_text(
    const topic_setting& setting,
    const topic_config& defaults,
    std::int64_t message_bytes_max
);

/// What is wrong with asking for `key` = `value`, as a sentence for the client; nothing when it is
/// in order. Ranges that the log knows better are its to check.
std::optional<std::string>
refuse_topic_setting(std::string_view key, const std::optional<std::string>& value);

/// A whole decimal number, or nothing.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

} // namespace outbox::broker
