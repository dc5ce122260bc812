#pragma once
// A disk in memory that behaves like a bad one on purpose: it knows what has been synced and what
// has not, and after a power cut it has forgotten some of the latter, in sectors of 512 bytes and
// in names of files. It also fails when told to: a full disk, short writes, an fsync that reports
// an error once and then pretends all is well.
//
// Every change (write, sync, create, rename, unlink, truncate) is one step; a test runs a scenario
// once to count the steps and then again for each step with the power cut there.

#include "broker/log/disk.hpp"
#include "outbox/base/random.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace outbox::broker::testing {

enum class unsynced {
    dropped, // nothing survives that was not synced
    kept,    // everything does: a kill, or a power cut after the kernel wrote all of it
    torn, // each sector and each name for itself, in whatever state it ever had since the last sync
};

class simulated_disk final : public disk {
public:
    simulated_disk();
    ~simulated_disk() override;

    // What the log calls.
    std::unique_ptr<disk_file>
    open(const std::string& path, open_mode mode, std::error_code& ec) override;
    std::unique_ptr<disk_lock> lock(const std::string& path, std::error_code& ec) override;
    std::vector<std::string> list(const std::string& directory, std::error_code& ec) override;
    bool exists(const std::string& path, std::error_code& ec) override;
    void make_directory(const std::string& path, std::error_code& ec) override;
    void rename(const std::string& from, const std::string& to, std::error_code& ec) override;
    void unlink(const std::string& path, std::error_code& ec) override;
    void remove_directory(const std::string& path, std::error_code& ec) override;
    void sync_directory(const std::string& directory, std::error_code& ec) override;

    // What the test says.
    static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

    /// The steps so far.
    std::uint64_t steps() const;
    /// The power goes off at step `at`: that change is still begun (a write reaches the cache), but
    /// from then on every call fails, so nothing after it can be acknowledged.
    void cut_power_at(std::uint64_t at);
    bool power_is_off() const;
    /// The disk as the next start finds it.
    std::unique_ptr<simulated_disk> after_power_cut(unsynced what, random_source& random) const;

    /// Bytes that fit; writes beyond are cut short and then refused with ENOSPC.
    void set_capacity(std::uint64_t capacity_bytes);
    std::uint64_t used_bytes() const;
    /// No write takes more than so many bytes.
    void set_write_size_max(std::size_t size);
    /// The next `count` syncs of files (not directories) whose path contains `part` fail with EIO,
    /// and what they should have written never reaches the disk, though it can still be read.
    void fail_syncs(const std::string& part, int count);
    void fail_directory_syncs(const std::string& part, int count);
    /// The next `count` writes to such files fail with EIO after taking half of the bytes.
    void fail_writes(const std::string& part, int count);
    /// Syncs of files are neither done nor answered until released. Needs a second thread.
    void hold_syncs(bool hold);
    /// Returns when some thread stands in a sync that is held.
    void await_held_sync();
    /// Reads of files, and the bytes that they gave, so far.
    std::uint64_t reads() const;
    std::uint64_t read_bytes() const;
    /// Runs `what` once, inside the next read of such a file and before it.
    void before_next_read(const std::string& part, std::function<void()> what);
    /// Syncs of files so far.
    std::uint64_t file_syncs() const;

    /// All files, as full paths, sorted.
    std::vector<std::string> files() const;
    bytes content(const std::string& path) const;
    /// Replaces what is read and what is on disk.
    void set_content(const std::string& path, bytes_view content);
    void flip_bit(const std::string& path, std::size_t byte, int bit);

private:
    friend class simulated_file;
    struct state;
    std::shared_ptr<state> state_;
};

} // namespace outbox::broker::testing
