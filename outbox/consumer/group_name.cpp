#include "outbox/consumer/group_name.hpp"

#include "outbox/base/error.hpp"

namespace outbox {

group_name group_name::parse(std::string text) {
    if (!is_group_name(text))
        throw error(
            error_kind::invalid_argument,
            "\"" + text + "\" is not the name of a consumer group",
            "1 to " + std::to_string(group_name_bytes_max) + " of A-Z a-z 0-9 . _ -"
        );
    return {unchecked{}, std::move(text)};
}

} // namespace outbox
