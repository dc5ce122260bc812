#include "tests/tidy/source_tree.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace outbox::tidy {

std::string read_text(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    if (!in)
        throw std::runtime_error{"cannot read " + file.string()};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

source_tree read_source_tree(const std::filesystem::path& root) {
    source_tree result;
    for (std::filesystem::recursive_directory_iterator at{root}, end; at != end; ++at) {
        const auto name = at->path().filename().string();
        if (at->is_directory() && (name.starts_with(".") || name.starts_with("build"))) {
            at.disable_recursion_pending();
            continue;
        }
        const auto extension = at->path().extension();
        if (at->is_regular_file() && (extension == ".hpp" || extension == ".cpp"))
            result[at->path().lexically_relative(root).generic_string()] = read_text(at->path());
    }
    return result;
}

} // namespace outbox::tidy
