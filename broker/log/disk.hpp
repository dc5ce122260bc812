#pragma once
// The seam to the disk: the few calls of POSIX that a log needs, one virtual function each, so that
// a test can cut the power between any two of them. Nothing here retries, buffers or decides; paths
// are what the operating system takes.
//
// Every call reports through `ec`: cleared on success, a `std::generic_category` code (errno)
// otherwise. `posix_disk` is the real one; `testing/simulated_disk` forgets what was not synced.

#include "outbox/base/bytes.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace outbox::broker {

/// An open file. Any thread may call any function; the caller orders overlapping writes. Closed by
/// the destructor, which makes nothing durable. Stays readable after its name was unlinked.
class disk_file {
public:
    virtual ~disk_file() = default;

    /// Reads up to `size` bytes at `position` into `out`; returns how many there were, fewer only
    /// at the end of the file.
    virtual std::size_t
    read_at(std::uint64_t position, char* out, std::size_t size, std::error_code& ec) = 0;

    /// Writes the parts one after another at `position` and returns how many bytes were taken,
    /// which may be fewer (see write_all). In the page cache afterwards, not on disk.
    virtual std::size_t
    write_at(std::uint64_t position, std::span<const bytes_view> parts, std::error_code& ec) = 0;

    /// Returns when the data written so far, and the size needed to read it, survive a power cut.
    /// After an error nothing is known about any of it, and a second call that succeeds proves
    /// nothing: never retry.
    virtual void sync_data(std::error_code& ec) = 0;

    /// Asks the kernel to start writing out, without waiting. A hint.
    virtual void start_sync() noexcept {}

    virtual std::uint64_t size(std::error_code& ec) = 0;
    virtual void truncate(std::uint64_t size, std::error_code& ec) = 0;
};

enum class open_mode {
    read_write, // must exist
    create,     // created if absent
    create_new, // must not exist
};

/// Holds an exclusive lock on a file until destroyed.
class disk_lock {
public:
    virtual ~disk_lock() = default;
};

class disk {
public:
    virtual ~disk() = default;

    virtual std::unique_ptr<disk_file>
    open(const std::string& path, open_mode mode, std::error_code& ec) = 0;

    /// Creates `path` if need be and locks it against every other process; null and
    /// `std::errc::resource_unavailable_try_again` if another holds it.
    virtual std::unique_ptr<disk_lock> lock(const std::string& path, std::error_code& ec) = 0;

    /// The names in a directory, without "." and "..", in no order.
    virtual std::vector<std::string> list(const std::string& directory, std::error_code& ec) = 0;
    virtual bool exists(const std::string& path, std::error_code& ec) = 0;

    /// Creates one directory; an existing one is no error. Its name survives only after
    /// sync_directory() of its parent.
    virtual void make_directory(const std::string& path, std::error_code& ec) = 0;
    virtual void rename(const std::string& from, const std::string& to, std::error_code& ec) = 0;
    virtual void unlink(const std::string& path, std::error_code& ec) = 0;
    virtual void remove_directory(const std::string& path, std::error_code& ec) = 0;

    /// Returns when the names created, renamed and removed in `directory` so far survive a power
    /// cut.
    virtual void sync_directory(const std::string& directory, std::error_code& ec) = 0;
};

/// Writes every part or fails: continues after short writes. On an error some prefix may have been
/// written.
void write_all(
    disk_file& file,
    std::uint64_t position,
    std::span<const bytes_view> parts,
    std::error_code& ec
);

/// Reads the whole file.
bytes read_all(disk_file& file, std::error_code& ec);

} // namespace outbox::broker
