#pragma once
// The named values of a body, as `.body = {{"orderId", 42}, {"note", "gift"}}` sent them. Asking
// for a value that is not there, or is of another type, throws: a handler that does not catch it
// has its message retried, and in the end put aside with that reason.

#include "outbox/base/bytes.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace outbox {

class received_body {
public:
    /// Throws outbox::error (corrupt) when `payload` is not a JSON object. Keeps nothing of it.
    explicit received_body(bytes_view payload);

    bool has(std::string_view name) const;
    // Each throws outbox::error (corrupt) when `name` is absent or not of this type. The error
    // names the field, never its value.
    std::string text(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    /// Also of a whole number.
    double number(std::string_view name) const;
    bool truth(std::string_view name) const;

private:
    struct fields;
    std::shared_ptr<const fields> fields_;
};

} // namespace outbox
