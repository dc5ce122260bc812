#include "outbox/consumer/delivery.hpp"

#include <algorithm>

namespace outbox {

bool delivery::has_tag(std::string_view wanted) const noexcept {
    return std::find(tags.begin(), tags.end(), wanted) != tags.end();
}

trace_context delivery::trace() const noexcept {
    const auto value = [this](std::string_view name) {
        const bytes* const found = property(name);
        return found == nullptr ? std::string_view{} : std::string_view{*found};
    };
    return {value("traceparent"), value("tracestate")};
}

} // namespace outbox
