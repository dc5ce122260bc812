#pragma once
// The real disk with three taps: it can be full, its fsync can be held back, and its fsyncs are
// counted.

#include "broker/log/posix_disk.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace outbox::broker::test {

class test_disk final : public disk {
public:
    void fill() { full_ = true; }
    void make_room() { full_ = false; }

    /// From now on sync_data() waits; release_syncs() lets all of them go on.
    void hold_syncs() {
        const std::lock_guard lock(mutex_);
        held_ = true;
    }
    void release_syncs() {
        {
            const std::lock_guard lock(mutex_);
            held_ = false;
        }
        changed_.notify_all();
    }
    int syncs() const { return syncs_; }

    std::unique_ptr<disk_file>
    open(const std::string& path, open_mode mode, std::error_code& ec) override {
        if (full_ && mode == open_mode::create_new) {
            ec = std::make_error_code(std::errc::no_space_on_device);
            return nullptr;
        }
        auto real = posix_disk().open(path, mode, ec);
        return real ? std::make_unique<file>(*this, std::move(real)) : nullptr;
    }
    std::unique_ptr<disk_lock> lock(const std::string& path, std::error_code& ec) override {
        return posix_disk().lock(path, ec);
    }
    std::vector<std::string> list(const std::string& directory, std::error_code& ec) override {
        return posix_disk().list(directory, ec);
    }
    bool exists(const std::string& path, std::error_code& ec) override {
        return posix_disk().exists(path, ec);
    }
    void make_directory(const std::string& path, std::error_code& ec) override {
        posix_disk().make_directory(path, ec);
    }
    void rename(const std::string& from, const std::string& to, std::error_code& ec) override {
        posix_disk().rename(from, to, ec);
    }
    void unlink(const std::string& path, std::error_code& ec) override {
        posix_disk().unlink(path, ec);
    }
    void remove_directory(const std::string& path, std::error_code& ec) override {
        posix_disk().remove_directory(path, ec);
    }
    void sync_directory(const std::string& directory, std::error_code& ec) override {
        posix_disk().sync_directory(directory, ec);
    }

private:
    class file final : public disk_file {
    public:
        file(test_disk& owner, std::unique_ptr<disk_file> real)
            : owner_(owner)
            , real_(std::move(real)) {}

        std::size_t
        read_at(std::uint64_t position, char* out, std::size_t size, std::error_code& ec) override {
            return real_->read_at(position, out, size, ec);
        }
        std::size_t
        write_at(std::uint64_t position, std::span<const bytes_view> parts, std::error_code& ec)
            override {
            if (owner_.full_) {
                ec = std::make_error_code(std::errc::no_space_on_device);
                return 0;
            }
            return real_->write_at(position, parts, ec);
        }
        void sync_data(std::error_code& ec) override {
            {
                std::unique_lock lock(owner_.mutex_);
                owner_.changed_.wait(lock, [this] { return !owner_.held_; });
            }
            ++owner_.syncs_;
            real_->sync_data(ec);
        }
        void start_sync() noexcept override { real_->start_sync(); }
        std::uint64_t size(std::error_code& ec) override { return real_->size(ec); }
        void truncate(std::uint64_t size, std::error_code& ec) override {
            real_->truncate(size, ec);
        }

    private:
        test_disk& owner_;
        std::unique_ptr<disk_file> real_;
    };

    std::atomic<bool> full_{false};
    std::atomic<int> syncs_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
};

} // namespace outbox::broker::test
