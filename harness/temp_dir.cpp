#include "harness/temp_dir.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace outbox::harness {

temp_dir::temp_dir() : owner_(::getpid()) {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base && *base ? base : "/tmp") + "/outbox-XXXXXX";
    if (!::mkdtemp(name.data()))
        throw std::system_error(errno, std::generic_category(), "cannot make a directory " + name);
    path_ = name;
}

temp_dir::~temp_dir() {
    if (owner_ != ::getpid())
        return;
    if (std::getenv("OUTBOX_KEEP")) {
        std::fprintf(stderr, "OUTBOX_KEEP is set, kept: %s\n", path_.c_str());
        return;
    }
    // A server that was just killed may still be writing: what stays behind is not worth a failed
    // test.
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

} // namespace outbox::harness
