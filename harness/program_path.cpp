#include "harness/program_path.hpp"

#include "outbox/base/error.hpp"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace outbox::harness {

std::filesystem::path our_program(const std::string& name) {
    auto path = std::filesystem::path{OUTBOX_BIN_DIR} / name;
    if (::access(path.c_str(), X_OK) != 0)
        throw error{
            error_kind::invalid_argument,
            "the program " + path.string() + " has not been built",
            "build the target " + name + " of the same preset first"};
    return path;
}

std::filesystem::path system_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream folders{path ? path : "/usr/local/bin:/usr/bin:/bin"};
    for (std::string folder; std::getline(folders, folder, ':');) {
        auto candidate = std::filesystem::path{folder} / name;
        if (::access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate))
            return candidate;
    }
    throw error{
        error_kind::invalid_argument,
        "the program " + name + " is not in PATH",
        "`./run test` installs what the tests need"};
}

} // namespace outbox::harness
