#pragma once
// Numbers as a condition of a WHERE.

#include "outbox/store/mysql/open_holes.hpp"

#include <span>
#include <string>

namespace outbox::mysql {

/// "(seq in (…) or seq between … and … or …)". Precondition: not empty.
std::string is_in(std::span<const number_range> ranges);

} // namespace outbox::mysql
