#include "tools/name_value.hpp"

#include "outbox/base/error.hpp"

namespace outbox::tools {

std::pair<std::string, std::string>
parse_name_value(const std::string& text, const std::string& option) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
        throw error(
            error_kind::invalid_argument,
            "bad " + option + " \"" + text + "\"",
            "write --" + option + " name=value"
        );
    return {text.substr(0, equals), text.substr(equals + 1)};
}

} // namespace outbox::tools
