#include "outbox/message/body.hpp"

#include "outbox/base/error.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <utility>

namespace outbox {

body::body(std::initializer_list<field> fields) : content_type_("application/json") {
    auto object = nlohmann::ordered_json::object();
    for (const field& f : fields) {
        const std::string name{f.name};
        if (object.contains(name))
            throw error(error_kind::invalid_argument, "body field \"" + name + "\" given twice");
        if (const auto* number = std::get_if<double>(&f.value);
            number != nullptr && !std::isfinite(*number))
            throw error(
                error_kind::invalid_argument,
                "body field \"" + name + "\" is not a finite number",
                "JSON has no infinity and no NaN; leave the field out or send text"
            );
        std::visit([&](const auto& value) { object[name] = value; }, f.value);
    }
    try {
        payload_ = object.dump();
    } catch (const nlohmann::json::type_error&) { // its text would quote the payload
        throw error(
            error_kind::invalid_argument,
            "a body field is not valid UTF-8",
            "send bytes that are not text with body::raw()"
        );
    }
}

body body::raw(bytes payload, std::string content_type) {
    body made;
    made.payload_ = std::move(payload);
    made.content_type_ = std::move(content_type);
    return made;
}

} // namespace outbox
