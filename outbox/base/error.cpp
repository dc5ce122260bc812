#include "outbox/base/error.hpp"

namespace outbox {

const char* to_string(error_kind kind) noexcept {
    switch (kind) {
    case error_kind::invalid_argument:
        return "invalid_argument";
    case error_kind::unreachable:
        return "unreachable";
    case error_kind::schema_mismatch:
        return "schema_mismatch";
    case error_kind::not_in_transaction:
        return "not_in_transaction";
    case error_kind::rejected:
        return "rejected";
    case error_kind::in_doubt:
        return "in_doubt";
    case error_kind::conflict:
        return "conflict";
    case error_kind::io:
        return "io";
    case error_kind::corrupt:
        return "corrupt";
    }
    return "unknown";
}

error::error(error_kind kind, const std::string& what, const std::string& hint)
    : std::runtime_error(hint.empty() ? what : what + "; " + hint)
    , kind_(kind)
    , hint_(hint) {}

} // namespace outbox
