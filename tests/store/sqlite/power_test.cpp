// What a power cut could do to the business's database through the relay's connection. SQLite keeps
// a database whole only if it may flush at the right moments:
// https://www.sqlite.org/pragma.html#pragma_synchronous

#include "tests/store/sqlite/fixture.hpp"

#include "outbox/base/error.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/relay_store.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

namespace outbox::testing {
namespace {

std::mutex flushed_mutex;
std::set<std::string> flushed;

bool was_flushed(const std::filesystem::path& file) {
    const std::lock_guard lock{flushed_mutex};
    return flushed.contains(std::filesystem::canonical(file).string());
}

} // namespace
} // namespace outbox::testing

// In the place of libc's: what is flushed is noted by its name.
extern "C" int fdatasync(int fd) {
    std::error_code unknown;
    const auto name = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), unknown);
    const std::lock_guard lock{outbox::testing::flushed_mutex};
    outbox::testing::flushed.insert(name.string());
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;

// SQLite's own way to the disk, and a count of its flushes. One at a time.
class counted_disk {
public:
    counted_disk() {
        vfs_ = *real_;
        vfs_.zName = "counted";
        vfs_.xOpen = [](sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
            const int code = real_->xOpen(real_, name, file, flags, out);
            if (file->pMethods != nullptr) {
                // One set of methods for databases, another for what needs no locks.
                const auto methods = methods_.try_emplace(file->pMethods, *file->pMethods).first;
                real_sync_ = file->pMethods->xSync;
                methods->second.xSync = sync;
                file->pMethods = &methods->second;
            }
            return code;
        };
        sqlite3_vfs_register(&vfs_, 1);
    }
    ~counted_disk() {
        sqlite3_vfs_unregister(&vfs_);
        sqlite3_vfs_register(real_, 1);
    }

    static int flushes() { return flushes_; }

private:
    static int sync(sqlite3_file* file, int flags) {
        ++flushes_;
        return real_sync_(file, flags);
    }

    static inline sqlite3_vfs* const real_ = sqlite3_vfs_find(nullptr);
    static inline std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods_{};
    static inline int (*real_sync_)(sqlite3_file*, int) = nullptr;
    static inline std::atomic<int> flushes_{0};
    static inline sqlite3_vfs vfs_{}; // connections outlive this object
};

class sqlite_power : public sqlite_fixture {
protected:
    counted_disk disk;

    // How many flushes the relay's connection makes to record its progress.
    int flushes_of_progress() {
        sqlite::relay_store relay{path};
        const lease held = relay.acquire(0, "relay", 60s, "").granted.value();
        const int before = disk.flushes();
        EXPECT_EQ(relay.advance(0, held.epoch, {.window = {}, .seq = 1}), write_result::done);
        return disk.flushes() - before;
    }
};

TEST_F(sqlite_power, with_a_rollback_journal_each_write_of_the_relay_is_flushed) {
    sqlite::execute(db.get(), "pragma journal_mode = delete", "journal");
    EXPECT_GE(flushes_of_progress(), 2) << "the journal before the pages, the pages before its end";
}

TEST_F(sqlite_power, with_a_wal_progress_costs_no_flush) {
    EXPECT_EQ(flushes_of_progress(), 0);
}

// What the relay hands out when the business's commits cost no flush.
class sqlite_phantoms : public sqlite_fixture {
protected:
    void send() {
        sqlite::execute(db.get(), "pragma synchronous = off", "off");
        producer{}.transact(*db, [](auto&, outgoing& out) {
            out.send({.to = subject{"orders.paid"}});
        });
        const std::lock_guard lock{flushed_mutex};
        flushed.clear();
    }
    static void read(sqlite::relay_store& relay) {
        EXPECT_EQ(relay.read(0, {}, {}).messages.size(), 1U);
    }
};

TEST_F(sqlite_phantoms, the_log_of_a_database_behind_a_link_is_flushed) {
    const harness::temp_dir elsewhere;
    const auto link = elsewhere.path() / "link.db";
    std::filesystem::create_symlink(path, link);
    sqlite::relay_store relay{link.string()};
    send();
    read(relay);
    EXPECT_TRUE(was_flushed(path + "-wal"));
    EXPECT_TRUE(was_flushed(folder.path()));
}

TEST_F(sqlite_phantoms, the_log_is_found_after_the_process_has_gone_elsewhere) {
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    sqlite::relay_store relay{"shop.db"};
    std::filesystem::current_path(before);
    send();
    read(relay);
    EXPECT_TRUE(was_flushed(path + "-wal"));
}

TEST_F(sqlite_phantoms, the_end_of_a_journal_that_stays_is_flushed) {
    for (const char* mode : {"truncate", "persist"}) {
        sqlite::execute(
            db.get(),
            (std::string{"pragma journal_mode = "} + mode).c_str(),
            "journal"
        );
        sqlite::relay_store relay{path};
        send();
        relay.read(0, {}, {});
        EXPECT_TRUE(was_flushed(path + "-journal")) << mode;
        EXPECT_TRUE(was_flushed(path)) << mode;
    }
}

TEST_F(sqlite_phantoms, a_log_that_cannot_be_opened_holds_up_the_messages) {
    sqlite::relay_store relay{path};
    send();
    // Whoever opens it by its name goes in a circle.
    const std::string wal = path + "-wal";
    std::filesystem::rename(wal, wal + ".aside");
    std::filesystem::create_symlink(wal, wal);
    try {
        relay.read(0, {}, {});
        ADD_FAILURE() << "handed out what may not be on the disk";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::io);
    }
    std::filesystem::rename(wal + ".aside", wal);
    read(relay);
}

TEST_F(sqlite_power, a_checkpoint_of_the_relay_flushes_the_log_before_the_pages_are_overwritten) {
    sqlite::execute(db.get(), "pragma wal_autocheckpoint = 0", "checkpoint");
    sqlite::execute(
        db.get(),
        "insert into orders with recursive n (i) as (select 1 union all select i + 1 from n where "
        "i < 2000)"
        " select i, hex(zeroblob(2000)) from n",
        "fill"
    );
    sqlite::relay_store relay{path};
    const int before = disk.flushes();
    EXPECT_TRUE(relay.acquire(0, "relay", 60s, "").granted); // its first write, and the log is long
    EXPECT_GE(disk.flushes() - before, 2) << "the log before, the pages after";
}

} // namespace
} // namespace outbox::testing
