#pragma once
// Finds what somebody may have meant: for unknown configuration keys, flags and commands.

#include <span>
#include <string>
#include <string_view>

namespace outbox {

/// The candidate with the fewest slips from `word` (a letter too many, missing, wrong, or two
/// swapped; upper and lower case are the same), the first of several. Empty when there are no
/// candidates.
std::string_view nearest(std::string_view word, std::span<const std::string> candidates);

} // namespace outbox
