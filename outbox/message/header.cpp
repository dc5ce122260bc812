#include "outbox/message/header.hpp"

#include <algorithm>

namespace outbox {

const bytes* find_header(const headers& all, std::string_view name) noexcept {
    const auto at =
        std::find_if(all.begin(), all.end(), [name](const header& h) { return h.name == name; });
    return at == all.end() ? nullptr : &at->value;
}

} // namespace outbox
