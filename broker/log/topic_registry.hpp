#pragma once
// Which topics there are: what the file "topics" holds. A pure structure with its encoding; the log
// manager writes it after every change.

#include "broker/log/partition_log.hpp"
#include "broker/log/topic_config.hpp"
#include "outbox/base/bytes.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outbox::broker {

enum class topic_state : std::uint8_t {
    live = 0,
    deleting = 1, // no longer there for anybody; its files may still be
};

struct registered_topic {
    std::string name;
    topic_id id{};
    topic_state state = topic_state::live;
    config_overrides overrides;
    /// For each partition the leader epoch in which it was created.
    std::vector<std::int32_t> created_in_epoch;
};

/// In the order of the file: by name, the live before the deleting of the same name.
using topic_list = std::vector<registered_topic>;

bytes encode_topics(const topic_list& topics);
/// Nothing if `body` is not such a list or names a topic outside the rule.
std::optional<topic_list> decode_topics(bytes_view body);

/// 32 lower-case hexadecimal digits.
std::string to_text(const topic_id& id);

/// The name of a partition's directory, and its reverse: nothing if the name cannot be one.
std::string partition_directory_name(std::string_view topic, std::int32_t partition);
std::optional<topic_partition> parse_partition_directory_name(std::string_view name);

} // namespace outbox::broker
