#include "wire/decode_error.hpp"

#include <string>

namespace outbox::wire {

namespace {

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "wire"; }

    std::string message(int value) const override {
        switch (static_cast<decode_error>(value)) {
        case decode_error::truncated:
            return "the bytes end inside a field";
        case decode_error::bad_length:
            return "a length that is negative or null where it may not be";
        case decode_error::bad_count:
            return "an array announces more elements than its bytes can hold";
        case decode_error::bad_varint:
            return "a variable-length number is too long";
        case decode_error::too_many_tags:
            return "too many tagged fields";
        case decode_error::trailing_bytes:
            return "bytes are left over behind the message";
        case decode_error::frame_too_large:
            return "the frame is larger than the limit";
        case decode_error::frame_too_small:
            return "the frame is too small for a request";
        case decode_error::unknown_api:
            return "the API key is unknown";
        case decode_error::unsupported_version:
            return "the version of this API is not supported";
        }
        return "unknown";
    }
};

} // namespace

const std::error_category& decode_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(decode_error e) noexcept {
    return {static_cast<int>(e), decode_category()};
}

} // namespace outbox::wire
