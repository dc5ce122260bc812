#include "outbox/consumer/record_marks.hpp"

#include "outbox/base/units.hpp"
#include "outbox/consumer/outcome.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace outbox {

namespace {

constexpr std::array mark_names{
    header_name::attempt,
    header_name::error,
    header_name::group,
    header_name::failed_at,
    header_name::retry_at,
    header_name::origin_topic,
    header_name::origin_partition,
    header_name::origin_offset,
    header_name::origin_timestamp,
};

/// Nobody tries so often.
constexpr std::uint32_t attempts_made_max = 1'000'000;

bool is_mark(std::string_view name) noexcept {
    return std::find(mark_names.begin(), mark_names.end(), name) != mark_names.end();
}

const bytes* last_value(const record& from, std::string_view name) noexcept {
    for (auto at = from.headers.rbegin(); at != from.headers.rend(); ++at) {
        if (at->name == name)
            return at->value ? &*at->value : nullptr;
    }
    return nullptr;
}

template <class Number>
bool read_number(const record& from, std::string_view name, Number& to) noexcept {
    const bytes* const text = last_value(from, name);
    if (text == nullptr)
        return false;
    const char* const end = text->data() + text->size();
    const auto [stopped, fault] = std::from_chars(text->data(), end, to);
    return fault == std::errc{} && stopped == end;
}

outgoing_record copy_without_marks(const record& from, std::string topic) {
    outgoing_record made{
        .topic = std::move(topic),
        .key = from.key,
        .value = from.value,
        .keeper = from.keeper,
    };
    made.headers.reserve(from.headers.size() + mark_names.size() + 1);
    for (const auto& each : from.headers) {
        if (!is_mark(each.name))
            made.headers.push_back(each);
    }
    return made;
}

} // namespace

std::optional<record_marks> read_marks(const record& from) {
    record_marks marks;
    const bytes* const topic = last_value(from, header_name::origin_topic);
    if (topic == nullptr || !is_subject(*topic) ||
        !read_number(from, header_name::attempt, marks.attempts_made) ||
        !read_number(from, header_name::failed_at, marks.failed_at_ms) ||
        !read_number(from, header_name::origin_partition, marks.origin.partition) ||
        !read_number(from, header_name::origin_offset, marks.origin.offset) ||
        !read_number(from, header_name::origin_timestamp, marks.origin_timestamp_ms))
        return std::nullopt;
    if (marks.attempts_made > attempts_made_max || marks.origin.partition < 0 ||
        marks.origin.offset < 0)
        return std::nullopt;
    marks.origin.topic = *topic;
    if (last_value(from, header_name::retry_at) != nullptr) {
        std::int64_t at = 0;
        if (!read_number(from, header_name::retry_at, at))
            return std::nullopt;
        marks.retry_at_ms = at;
    }
    if (const bytes* const reason = last_value(from, header_name::error))
        marks.reason = *reason;
    if (const bytes* const group = last_value(from, header_name::group))
        marks.group = *group;
    return marks;
}

outgoing_record mark(
    const record& from,
    std::string topic,
    const record_marks& with,
    std::optional<message_id> id
) {
    auto made = copy_without_marks(from, std::move(topic));
    const auto add = [&](std::string_view name, std::string value) {
        made.headers.push_back({std::string{name}, std::move(value)});
    };
    const bool has_id = std::any_of(from.headers.begin(), from.headers.end(), [](const auto& h) {
        return h.name == header_name::message_id;
    });
    if (id && !has_id)
        add(header_name::message_id, id->text());
    add(header_name::attempt, std::to_string(with.attempts_made));
    if (!with.reason.empty())
        add(header_name::error, with.reason.substr(0, failure_reason_bytes_max));
    add(header_name::group, with.group);
    add(header_name::failed_at, std::to_string(with.failed_at_ms));
    if (with.retry_at_ms)
        add(header_name::retry_at, std::to_string(*with.retry_at_ms));
    add(header_name::origin_topic, with.origin.topic);
    add(header_name::origin_partition, std::to_string(with.origin.partition));
    add(header_name::origin_offset, std::to_string(with.origin.offset));
    add(header_name::origin_timestamp, std::to_string(with.origin_timestamp_ms));
    return made;
}

outgoing_record unmark(const record& from, std::string topic) {
    auto made = copy_without_marks(from, std::move(topic));
    made.makes_topic = false;
    return made;
}

std::string retry_topic_prefix(const group_name& group) {
    return group.text() + ".retry.";
}

std::string retry_topic(const group_name& group, std::chrono::milliseconds delay) {
    const auto ms = delay.count();
    for (const auto& [unit, letter] :
         {std::pair{86'400'000LL, "d"}, {3'600'000LL, "h"}, {60'000LL, "m"}, {1'000LL, "s"}}) {
        if (ms % unit == 0)
            return retry_topic_prefix(group) + std::to_string(ms / unit) + letter;
    }
    return retry_topic_prefix(group) + std::to_string(ms) + "ms";
}

std::optional<std::chrono::milliseconds>
retry_topic_delay(const group_name& group, std::string_view topic) {
    const auto prefix = retry_topic_prefix(group);
    if (!topic.starts_with(prefix))
        return std::nullopt;
    const auto delay = parse_duration(topic.substr(prefix.size()));
    if (!delay || retry_topic(group, *delay) != topic)
        return std::nullopt;
    return delay;
}

std::string dead_letter_topic(std::string_view subject, const group_name& group) {
    return std::string{subject} + "." + group.text() + ".dlt";
}

std::string parking_topic(std::string_view subject, const group_name& group) {
    return std::string{subject} + "." + group.text() + ".parked";
}

} // namespace outbox
