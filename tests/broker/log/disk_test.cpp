// The exam that every disk takes, the real one and the simulated one; and the log once on the real
// one.

#include "tests/broker/log/fixture.hpp"

#include "broker/log/posix_disk.hpp"
#include "outbox/base/error.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>

namespace outbox::broker {
namespace {

enum class kind { real, simulated };

std::string name_of_kind(const ::testing::TestParamInfo<kind>& which) {
    return which.param == kind::real ? "real" : "simulated";
}

/// A directory that goes when the test does.
struct temporary_directory {
    std::filesystem::path path;
    temporary_directory() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "outbox-log-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error("no temporary directory");
        path = pattern;
    }
    ~temporary_directory() { std::filesystem::remove_all(path); }
};

struct disk_test : ::testing::TestWithParam<kind> {
    temporary_directory temporary;
    simulated_disk simulated;
    std::error_code ec;

    disk& files() { return GetParam() == kind::real ? posix_disk() : simulated; }
    std::string path(const std::string& name) const {
        return (GetParam() == kind::real ? temporary.path.string() : std::string{}) + "/" + name;
    }
    std::unique_ptr<disk_file> create(const std::string& name, bytes_view content) {
        auto file = files().open(path(name), open_mode::create, ec);
        const bytes_view parts[] = {
            content.substr(0, content.size() / 2),
            content.substr(content.size() / 2)};
        write_all(*file, 0, parts, ec);
        EXPECT_FALSE(ec);
        return file;
    }
};

TEST_P(disk_test, files_are_opened_as_asked) {
    EXPECT_EQ(files().open(path("a"), open_mode::read_write, ec), nullptr);
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
    EXPECT_NE(files().open(path("a"), open_mode::create_new, ec), nullptr);
    EXPECT_FALSE(ec);
    EXPECT_EQ(files().open(path("a"), open_mode::create_new, ec), nullptr);
    EXPECT_EQ(ec, std::errc::file_exists);
    EXPECT_NE(files().open(path("a"), open_mode::create, ec), nullptr);
    EXPECT_TRUE(files().exists(path("a"), ec));
    EXPECT_FALSE(files().exists(path("b"), ec));
    EXPECT_EQ(files().open(path("no/such"), open_mode::create, ec), nullptr);
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
}

TEST_P(disk_test, what_was_written_is_read_and_the_end_is_short) {
    const auto file = create("a", "0123456789");
    std::array<char, 16> out{};
    EXPECT_EQ(file->read_at(4, out.data(), out.size(), ec), 6U);
    EXPECT_EQ(bytes_view(out.data(), 6), "456789");
    EXPECT_EQ(file->read_at(10, out.data(), out.size(), ec), 0U);
    EXPECT_FALSE(ec);
    EXPECT_EQ(file->size(ec), 10U);
    const bytes_view parts[] = {"x"};
    write_all(*file, 12, parts, ec);
    EXPECT_EQ(read_all(*file, ec), bytes_view("0123456789\0\0x", 13)) << "a gap reads as zeros";
    file->truncate(3, ec);
    file->truncate(5, ec);
    EXPECT_EQ(read_all(*file, ec), bytes_view("012\0\0", 5));
    file->start_sync();
    file->sync_data(ec);
    EXPECT_FALSE(ec);
}

TEST_P(disk_test, writes_of_many_parts_are_continued) {
    const auto file = files().open(path("a"), open_mode::create, ec);
    const std::vector<bytes_view> parts(100, "part;");
    write_all(*file, 0, parts, ec);
    EXPECT_FALSE(ec);
    EXPECT_EQ(file->size(ec), 500U);
}

TEST_P(disk_test, names_move_and_go_while_the_file_stays_open) {
    const auto first = create("a", "first");
    const auto second = create("b", "second");
    files().rename(path("a"), path("b"), ec);
    EXPECT_FALSE(ec);
    EXPECT_EQ(read_all(*second, ec), "second") << "replaced, but still open";
    EXPECT_EQ(read_all(*files().open(path("b"), open_mode::read_write, ec), ec), "first");
    files().unlink(path("b"), ec);
    EXPECT_FALSE(ec);
    EXPECT_EQ(read_all(*first, ec), "first");
    files().unlink(path("b"), ec);
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
    files().rename(path("no"), path("b"), ec);
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
}

TEST_P(disk_test, directories_are_made_listed_synced_and_removed) {
    files().make_directory(path("d"), ec);
    EXPECT_FALSE(ec);
    files().make_directory(path("d"), ec);
    EXPECT_FALSE(ec) << "an existing one is no error";
    create("d/x", "1");
    create("d/y", "2");
    auto names = files().list(path("d"), ec);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"x", "y"}));
    files().sync_directory(path("d"), ec);
    EXPECT_FALSE(ec);
    files().remove_directory(path("d"), ec);
    EXPECT_EQ(ec, std::errc::directory_not_empty);
    files().unlink(path("d/x"), ec);
    files().unlink(path("d/y"), ec);
    files().remove_directory(path("d"), ec);
    EXPECT_FALSE(ec);
    files().list(path("d"), ec);
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
    files().sync_directory(path("d"), ec);
    EXPECT_EQ(ec, std::errc::no_such_file_or_directory);
}

TEST_P(disk_test, a_lock_excludes_until_it_is_let_go) {
    auto first = files().lock(path("lock"), ec);
    ASSERT_TRUE(first);
    EXPECT_EQ(files().lock(path("lock"), ec), nullptr);
    EXPECT_EQ(ec, std::errc::resource_unavailable_try_again);
    first.reset();
    EXPECT_NE(files().lock(path("lock"), ec), nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    disks,
    disk_test,
    ::testing::Values(kind::real, kind::simulated),
    name_of_kind
);

TEST(real_disk, carries_a_log_through_its_stops) {
    const temporary_directory temporary;
    const log_options options{.directory = (temporary.path / "data").string()};
    std::vector<std::string> expected;
    for (int round = 0; round < 4; ++round) {
        log_manager logs{posix_disk(), system_clock(), system_random(), options};
        EXPECT_EQ(logs.recovery().clean, round > 0 && round % 2 == 0);
        EXPECT_TRUE(logs.recovery().quarantined.empty());
        EXPECT_THROW((log_manager{posix_disk(), system_clock(), system_random(), options}), error);
        if (round == 0) {
            ASSERT_FALSE(logs.create_topic("t", 1, {{"segment.bytes", "2048"}}));
        }
        const auto log = logs.find_partition("t", 0);
        std::atomic<int> acked{0};
        for (int i = 0; i < 50; ++i) {
            expected.push_back(std::to_string(round) + "/" + std::to_string(i));
            bytes batch = make_batch({.values = {expected.back()}});
            log->when_durable(log->append(batch).ticket, [&](std::error_code ec) {
                EXPECT_FALSE(ec);
                ++acked;
                acked.notify_all();
            });
        }
        for (int seen = acked; seen < 50; seen = acked)
            acked.wait(seen);
        std::size_t count = 0;
        while (count < expected.size()) {
            const auto result = log->read(static_cast<std::int64_t>(count), 4096);
            ASSERT_FALSE(result.error);
            for (const auto& record : read_records(result.batches))
                ASSERT_EQ(record.value, expected.at(count++));
        }
        if (round % 2 == 1) {
            EXPECT_FALSE(logs.close());
        }
    }
}

} // namespace
} // namespace outbox::broker
