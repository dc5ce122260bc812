#include "broker/log/topic_name.hpp"

#include <algorithm>

namespace outbox::broker {

bool is_valid_topic_name(std::string_view name) noexcept {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= topic_name_size_max && name != "." && name != ".." &&
           std::all_of(name.begin(), name.end(), allowed);
}

} // namespace outbox::broker
