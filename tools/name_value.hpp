#pragma once
// name=value, as options take it.

#include <string>
#include <utility>

namespace outbox::tools {

/// The parts before and behind the first "=". Throws outbox::error (invalid_argument) when there is
/// no name; `option` is named in it, such as "property".
std::pair<std::string, std::string>
parse_name_value(const std::string& text, const std::string& option);

} // namespace outbox::tools
