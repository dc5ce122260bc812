#pragma once
// What a message says. Either named values, which are encoded as one JSON object in the order
// given, or bytes of your own. The encoding happens here, once, when the body is made: what you see
// is what is stored and what arrives.
//
//   .body = {{"orderId", 42}, {"paid", true}, {"note", "so far so good"}}
//   .body = outbox::body::raw(protobuf_bytes, "application/x-protobuf")

#include "outbox/base/bytes.hpp"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace outbox {

class body {
public:
    /// One named value: text (UTF-8), whole number, floating-point number or truth value.
    struct field {
        template <class Value>
        field(std::string_view field_name, const Value& field_value)
            : name(field_name)
            , value(convert(field_value)) {}

        std::string_view name;
        std::variant<std::string_view, std::int64_t, double, bool> value;

    private:
        template <class Value>
        static decltype(value) convert(const Value& v) {
            if constexpr (std::same_as<Value, bool> || std::floating_point<Value>)
                return v;
            else if constexpr (std::integral<Value>) {
                static_assert(
                    sizeof(Value) < 8 || std::signed_integral<Value>,
                    "does not fit 64 signed bits; send it as text"
                );
                return static_cast<std::int64_t>(v);
            } else
                return std::string_view(v);
        }
    };

    /// An empty body of no type.
    body() = default;
    /// Throws outbox::error (invalid_argument) if a text is not UTF-8, a number is not finite, or a
    /// name comes twice.
    body(std::initializer_list<field> fields
    ); // NOLINT: implicit, so that `.body = {{…}}` reads as written

    /// The bytes as they are. `content_type` may be empty.
    static body raw(bytes payload, std::string content_type = {});

    const bytes& payload() const noexcept { return payload_; }
    const std::string& content_type() const noexcept { return content_type_; }

private:
    bytes payload_;
    std::string content_type_;
};

} // namespace outbox
