#include "broker/log/posix_disk.hpp"

#include "outbox/base/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace outbox::broker {
namespace {

std::error_code last_error() {
    return {errno, std::generic_category()};
}

void report(bool ok, std::error_code& ec) {
    if (ok)
        ec.clear();
    else
        ec = last_error();
}

class posix_file final : public disk_file {
public:
    explicit posix_file(unique_fd fd) noexcept : fd_(std::move(fd)) {}

    std::size_t
    read_at(std::uint64_t position, char* out, std::size_t size, std::error_code& ec) override {
        std::size_t done = 0;
        ec.clear();
        while (done < size) {
            const ssize_t n =
                ::pread(fd_.get(), out + done, size - done, static_cast<off_t>(position + done));
            if (n < 0) {
                if (errno == EINTR)
                    continue;
                ec = last_error();
                break;
            }
            if (n == 0)
                break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }

    std::size_t
    write_at(std::uint64_t position, std::span<const bytes_view> parts, std::error_code& ec)
        override {
        std::array<iovec, 16> vectors{};
        const std::size_t count = std::min(parts.size(), vectors.size());
        for (std::size_t i = 0; i < count; ++i)
            vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
        ssize_t n = 0;
        do
            n = ::pwritev(
                fd_.get(),
                vectors.data(),
                static_cast<int>(count),
                static_cast<off_t>(position)
            );
        while (n < 0 && errno == EINTR);
        report(n >= 0, ec);
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }

    void sync_data(std::error_code& ec) override { report(::fdatasync(fd_.get()) == 0, ec); }

    void start_sync() noexcept override {
        (void)::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    }

    std::uint64_t size(std::error_code& ec) override {
        struct stat status {};
        report(::fstat(fd_.get(), &status) == 0, ec);
        return ec ? 0 : static_cast<std::uint64_t>(status.st_size);
    }

    void truncate(std::uint64_t size, std::error_code& ec) override {
        report(::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0, ec);
    }

private:
    unique_fd fd_;
};

class posix_lock final : public disk_lock {
public:
    explicit posix_lock(unique_fd fd) noexcept : fd_(std::move(fd)) {}

private:
    unique_fd fd_;
};

class posix_disk_type final : public disk {
public:
    std::unique_ptr<disk_file>
    open(const std::string& path, open_mode mode, std::error_code& ec) override {
        int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
        if (mode != open_mode::read_write)
            flags |= O_CREAT;
        if (mode == open_mode::create_new)
            flags |= O_EXCL;
        unique_fd fd{::open(path.c_str(), flags, 0640)};
        report(static_cast<bool>(fd), ec);
        return fd ? std::make_unique<posix_file>(std::move(fd)) : nullptr;
    }

    std::unique_ptr<disk_lock> lock(const std::string& path, std::error_code& ec) override {
        unique_fd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640)};
        report(fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0, ec);
        return ec ? nullptr : std::make_unique<posix_lock>(std::move(fd));
    }

    std::vector<std::string> list(const std::string& directory, std::error_code& ec) override {
        std::vector<std::string> names;
        const std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(directory.c_str()), &::closedir};
        report(dir != nullptr, ec);
        if (ec)
            return names;
        while (true) {
            errno = 0;
            const dirent* entry = ::readdir(dir.get());
            if (entry == nullptr) {
                report(errno == 0, ec);
                return names;
            }
            const std::string_view name = entry->d_name;
            if (name != "." && name != "..")
                names.emplace_back(name);
        }
    }

    bool exists(const std::string& path, std::error_code& ec) override {
        struct stat status {};
        if (::lstat(path.c_str(), &status) == 0) {
            ec.clear();
            return true;
        }
        report(errno == ENOENT, ec);
        return false;
    }

    void make_directory(const std::string& path, std::error_code& ec) override {
        report(::mkdir(path.c_str(), 0750) == 0 || errno == EEXIST, ec);
    }
    void rename(const std::string& from, const std::string& to, std::error_code& ec) override {
        report(std::rename(from.c_str(), to.c_str()) == 0, ec);
    }
    void unlink(const std::string& path, std::error_code& ec) override {
        report(::unlink(path.c_str()) == 0, ec);
    }
    void remove_directory(const std::string& path, std::error_code& ec) override {
        report(::rmdir(path.c_str()) == 0, ec);
    }
    void sync_directory(const std::string& directory, std::error_code& ec) override {
        const unique_fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        report(fd && ::fsync(fd.get()) == 0, ec);
    }
};

} // namespace

disk& posix_disk() noexcept {
    static posix_disk_type instance;
    return instance;
}

} // namespace outbox::broker
