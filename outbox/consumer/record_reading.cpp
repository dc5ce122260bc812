#include "outbox/consumer/record_reading.hpp"

#include "outbox/base/error.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace outbox {

namespace {

/// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): tells topics apart, no more.
std::uint64_t hash_of(std::string_view text, std::uint64_t start) noexcept {
    for (const char c : text) {
        start ^= static_cast<unsigned char>(c);
        start *= 0x100000001b3ULL;
    }
    return start;
}

/// What a record claims is taken at its word only as far as our clock can count.
constexpr std::int64_t epoch_ms = 0;
constexpr std::int64_t end_of_time_ms = 9'000'000'000'000; // in the year 2255

read_result refuse(std::string why) {
    return {.why = std::move(why)};
}

} // namespace

message_id made_up_id(const record_position& at, std::int64_t timestamp_ms) {
    const auto hash =
        hash_of(std::to_string(timestamp_ms), hash_of(at.topic, 0xcbf29ce484222325ULL));
    const auto partition = static_cast<std::uint32_t>(at.partition);
    const auto offset = static_cast<std::uint64_t>(at.offset);
    message_id::array raw{};
    for (std::size_t i = 0; i < 6; ++i)
        raw[i] = static_cast<unsigned char>(hash >> (8 * i));
    raw[6] = static_cast<unsigned char>(0x80U | ((partition >> 8U) & 0x0fU));
    raw[7] = static_cast<unsigned char>(partition);
    raw[8] = static_cast<unsigned char>(0x80U | ((partition >> 12U) & 0x3fU));
    for (std::size_t i = 0; i < 7; ++i)
        raw[15 - i] = static_cast<unsigned char>(offset >> (8 * i));
    return message_id{raw};
}

read_result read_record(const record& from, const record_position& at, topic_role role) {
    if (from.headers_unreadable)
        return refuse("its headers cannot be read");
    record_marks marks{.origin = at, .origin_timestamp_ms = from.timestamp_ms};
    if (role == topic_role::retry) {
        auto found = read_marks(from);
        if (!found)
            return refuse("a record in a retry topic that does not say where it comes from");
        marks = std::move(*found);
    }
    if (!is_subject(marks.origin.topic))
        return refuse("\"" + marks.origin.topic + "\" is not the name of a subject");

    delivery made{.subject = subject::parse(marks.origin.topic)};
    bool has_id = false;
    headers numbers;
    for (const auto& [name, value] : from.headers) {
        if (name == header_name::message_id) {
            if (has_id)
                continue;
            const auto id = value ? message_id::parse(*value) : std::nullopt;
            if (!id || id->is_nil())
                return refuse("its header outbox-id is not a message id");
            made.id = *id;
            has_id = true;
        } else if (name == header_name::tag) {
            if (value)
                made.tags.push_back(*value);
        } else if (name == header_name::content_type)
            made.content_type = value.value_or("");
        else if (name == header_name::source || name == header_name::shard || name == header_name::number)
            numbers.push_back({name, value.value_or("")});
        else if (!name.starts_with(header_name::reserved_prefix))
            made.properties.push_back({name, value.value_or("")});
    }
    try {
        made.number = delivery_number::of(numbers);
    } catch (const error& e) {
        return refuse(e.what());
    }
    if (!has_id)
        made.id = made_up_id(marks.origin, marks.origin_timestamp_ms);
    if (from.key)
        made.key.emplace(*from.key);
    made.payload = from.value.value_or(bytes_view{});
    made.is_null = !from.value;
    made.attempt = marks.attempts_made + 1;
    made.last_failure = std::move(marks.reason);
    made.origin = std::move(marks.origin);
    made.read_from = at;
    made.created_at = time_point{
        std::chrono::milliseconds{std::clamp(marks.origin_timestamp_ms, epoch_ms, end_of_time_ms)}};
    made.keeper = from.keeper;
    return {.message = std::move(made), .retry_at_ms = marks.retry_at_ms};
}

} // namespace outbox
