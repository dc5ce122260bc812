#include "broker/log/topic_registry.hpp"

#include "broker/log/checked_file.hpp"
#include "broker/log/topic_name.hpp"
#include "outbox/base/hex.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>
#include <charconv>

namespace outbox::broker {

bytes encode_topics(const topic_list& topics) {
    bytes out;
    wire::writer{out}.uint32(static_cast<std::uint32_t>(topics.size()));
    for (const registered_topic& topic : topics) {
        append_text(out, topic.name);
        out.append(topic.id.begin(), topic.id.end());
        wire::writer{out}.int8(static_cast<std::int8_t>(topic.state));
        wire::writer{out}.uint32(static_cast<std::uint32_t>(topic.created_in_epoch.size()));
        for (const std::int32_t epoch : topic.created_in_epoch)
            wire::writer{out}.int32(epoch);
        wire::writer{out}.uint32(static_cast<std::uint32_t>(topic.overrides.size()));
        for (const auto& [key, value] : topic.overrides) {
            append_text(out, key);
            append_text(out, value);
        }
    }
    return out;
}

std::optional<topic_list> decode_topics(bytes_view body) {
    topic_list topics;
    wire::reader reader{body};
    const auto count = reader.uint32();
    for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
        registered_topic topic;
        topic.name = read_text(reader);
        const bytes_view id = reader.take(topic.id.size());
        std::copy(id.begin(), id.end(), topic.id.begin());
        const auto state = reader.int8();
        topic.state = static_cast<topic_state>(state);
        const auto partition_count = reader.uint32();
        for (std::uint32_t k = 0; k < partition_count && reader.ok(); ++k)
            topic.created_in_epoch.push_back(reader.int32());
        const auto override_count = reader.uint32();
        for (std::uint32_t k = 0; k < override_count && reader.ok(); ++k) {
            const std::string key{read_text(reader)};
            topic.overrides[key] = read_text(reader);
        }
        if (!reader.ok() || state < 0 || state > 1 || !is_valid_topic_name(topic.name))
            return std::nullopt;
        topics.push_back(std::move(topic));
    }
    if ((!reader.ok() || reader.remaining() > 0))
        return std::nullopt;
    return topics;
}

std::string to_text(const topic_id& id) {
    return to_hex(bytes_view{reinterpret_cast<const char*>(id.data()), id.size()});
}

std::string partition_directory_name(std::string_view topic, std::int32_t partition) {
    return std::string{topic} + "-" + std::to_string(partition);
}

std::optional<topic_partition> parse_partition_directory_name(std::string_view name) {
    const auto dash = name.rfind('-');
    if (dash == std::string_view::npos || !is_valid_topic_name(name.substr(0, dash)))
        return std::nullopt;
    const std::string_view digits = name.substr(dash + 1);
    std::int32_t partition = -1;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), partition);
    if (error != std::errc{} || end != digits.data() + digits.size() || partition < 0 ||
        (digits.size() > 1 && digits.front() == '0'))
        return std::nullopt;
    return topic_partition{std::string{name.substr(0, dash)}, partition};
}

} // namespace outbox::broker
