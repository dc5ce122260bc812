#include "outbox/consumer/delivery.hpp"

#include <algorithm>

namespace outbox {

bool delivery::has_tag(std::string_view wanted) const noexcept {
    return std::find(tags.begin(), tags.end(), wanted) != tags.end();
}

} // namespace outbox
