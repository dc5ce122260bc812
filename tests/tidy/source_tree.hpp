#pragma once
// The C++ files of a repository, as the tidy tests see them: paths from its root, and their text.

#include <filesystem>
#include <map>
#include <string>

namespace outbox::tidy {

using source_tree = std::map<std::string, std::string>;

/// Every .hpp and .cpp below `root`, except in build folders and those whose name begins with a
/// dot.
source_tree read_source_tree(const std::filesystem::path& root);

std::string read_text(const std::filesystem::path& file);

} // namespace outbox::tidy
