#include "outbox/consumer/received_body.hpp"

#include "outbox/base/error.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <utility>

namespace outbox {

namespace {

using nlohmann::json;

/// Who nests deeper than this does not come from us, and a parser that follows runs out of stack
/// when the values are destroyed.
constexpr int depth_max = 100;

[[noreturn]] void refuse(std::string_view name, const char* why) {
    throw error(error_kind::corrupt, "the body's field \"" + std::string{name} + "\" is " + why);
}

const json& field(const json& object, std::string_view name) {
    const auto found = object.find(name);
    if (found == object.end())
        refuse(name, "absent");
    return *found;
}

} // namespace

struct received_body::fields {
    json object;
};

received_body::received_body(bytes_view payload) {
    const auto shallow = [](int depth, json::parse_event_t, json&) {
        if (depth > depth_max)
            throw error(error_kind::corrupt, "the payload is JSON, but nested too deeply");
        return true;
    };
    json value = json::parse(payload, shallow, false);
    if (!value.is_object())
        throw error(
            error_kind::corrupt,
            "the payload is not a JSON object",
            "its sender gave raw bytes; read them from delivery::payload"
        );
    fields_ = std::make_shared<const fields>(fields{std::move(value)});
}

bool received_body::has(std::string_view name) const {
    return fields_->object.contains(name);
}

std::string received_body::text(std::string_view name) const {
    const json& value = field(fields_->object, name);
    if (!value.is_string())
        refuse(name, "not a text");
    return value.get<std::string>();
}

std::int64_t received_body::integer(std::string_view name) const {
    const json& value = field(fields_->object, name);
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() &&
         value.get<std::uint64_t>() >
             static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())))
        refuse(name, "not a whole number of 64 signed bits");
    return value.get<std::int64_t>();
}

double received_body::number(std::string_view name) const {
    const json& value = field(fields_->object, name);
    if (!value.is_number())
        refuse(name, "not a number");
    return value.get<double>();
}

bool received_body::truth(std::string_view name) const {
    const json& value = field(fields_->object, name);
    if (!value.is_boolean())
        refuse(name, "not true or false");
    return value.get<bool>();
}

} // namespace outbox
