#pragma once
// A fresh directory that lives as long as the object: for the files of one test.
//
// It is made below $TMPDIR (or /tmp), with a short name so that a unix socket fits below it, and
// removed with all its content at the end, by the process that made it. Set OUTBOX_KEEP in the
// environment to keep it and have its path printed on stderr.

#include <sys/types.h>

#include <filesystem>

namespace outbox::harness {

class temp_dir {
public:
    /// Throws std::system_error when it cannot be made.
    temp_dir();
    ~temp_dir();
    temp_dir(const temp_dir&) = delete;
    temp_dir& operator=(const temp_dir&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path operator/(const std::filesystem::path& name) const {
        return path_ / name;
    }

private:
    std::filesystem::path path_;
    pid_t owner_;
};

} // namespace outbox::harness
