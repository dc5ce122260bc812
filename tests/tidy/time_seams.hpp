#pragma once
// Product code takes time as an argument: this finds the places where it sleeps or asks the clock
// itself.

#include "tests/tidy/source_tree.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace outbox::tidy {

/// What is wrong, one sentence each: a sleep or a clock in a product folder that `allowed` (the
/// text of allowed.txt) does not name, and a line of it that is not needed.
std::vector<std::string> check_time_seams(std::string_view allowed, const source_tree& sources);

} // namespace outbox::tidy
