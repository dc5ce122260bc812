#pragma once
// Holds the include lines of the sources against the edges that layers.txt allows.

#include "tests/tidy/source_tree.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace outbox::tidy {

/// Floor → the floors it may use. The set of a free floor is {"*"}.
using layers = std::map<std::string, std::set<std::string>>;

/// Throws std::runtime_error on a line that says nothing and on a floor that is used but has no
/// line.
layers parse_layers(std::string_view text);

/// What is wrong, one sentence each: an edge that is not declared, a file without a floor, an
/// include written relative to its own folder, a circle in what is declared or in what is there.
/// Empty when nothing is.
std::vector<std::string> check_layers(const layers& allowed, const source_tree& sources);

} // namespace outbox::tidy
