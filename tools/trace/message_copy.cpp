#include "tools/trace/message_copy.hpp"

#include "outbox/consumer/record_marks.hpp"
#include "outbox/message/header.hpp"

#include <charconv>
#include <string_view>
#include <system_error>

namespace outbox::tools {
namespace {

constexpr std::string_view dead_letter_end = ".dlt";
constexpr std::string_view retry_part = ".retry.";

// Of a name that comes twice the last counts: it is the one that was added last.
const bytes* last_value(const record_headers& headers, std::string_view name) noexcept {
    for (auto at = headers.rbegin(); at != headers.rend(); ++at)
        if (at->first == name)
            return &at->second;
    return nullptr;
}

std::string text_of(const record_headers& headers, std::string_view name) {
    const bytes* const found = last_value(headers, name);
    return found == nullptr ? std::string{} : *found;
}

std::optional<std::int64_t> number_of(const record_headers& headers, std::string_view name) {
    const std::string text = text_of(headers, name);
    std::int64_t number = 0;
    const auto [stopped, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc{} || stopped != text.data() + text.size())
        return std::nullopt;
    return number;
}

copy_kind kind_of(const std::string& topic, const std::string& group) {
    if (group.empty())
        return copy_kind::delivered;
    if (topic.ends_with("." + group + std::string{dead_letter_end}))
        return copy_kind::dead_letter;
    return topic.starts_with(group + std::string{retry_part}) ? copy_kind::retry
                                                              : copy_kind::delivered;
}

} // namespace

const char* to_string(copy_kind kind) noexcept {
    switch (kind) {
    case copy_kind::delivered:
        return "delivered";
    case copy_kind::retry:
        return "retry";
    case copy_kind::dead_letter:
        return "dead_letter";
    }
    return "unknown";
}

std::optional<message_id> id_of(const record_headers& headers) {
    for (const auto& [name, value] : headers)
        if (name == header_name::message_id)
            return message_id::parse(value);
    return std::nullopt;
}

message_copy read_copy(
    partition_place where,
    std::int64_t offset,
    std::optional<std::int64_t> timestamp_ms,
    const record_headers& headers
) {
    message_copy copy{
        .where = std::move(where),
        .offset = offset,
        .timestamp_ms = timestamp_ms,
        .group = text_of(headers, header_name::group),
    };
    copy.kind = kind_of(copy.where.topic, copy.group);
    if (copy.kind == copy_kind::delivered) {
        copy.group.clear();
        return copy;
    }
    copy.attempts = number_of(headers, header_name::attempt);
    copy.error = text_of(headers, header_name::error);
    copy.retry_at_ms = number_of(headers, header_name::retry_at);
    return copy;
}

bool may_hold(std::string_view topic, std::string_view subject) noexcept {
    if (topic == subject || topic.find(retry_part) != std::string_view::npos)
        return true;
    return topic.size() > subject.size() && topic.starts_with(subject) &&
           topic[subject.size()] == '.' && topic.ends_with(dead_letter_end);
}

} // namespace outbox::tools
