#include "harness/temp_dir.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>

namespace outbox::harness {
namespace {

TEST(temp_dir, goes_with_all_it_holds) {
    ::unsetenv("OUTBOX_KEEP");
    std::filesystem::path path;
    {
        const temp_dir dir;
        path = dir.path();
        std::filesystem::create_directories(dir / "a/b");
        std::ofstream{dir / "a/b/file"} << "x";
        EXPECT_TRUE(std::filesystem::exists(path / "a/b/file"));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(temp_dir, stays_when_outbox_keep_is_set) {
    ::setenv("OUTBOX_KEEP", "1", 1);
    std::filesystem::path path;
    testing::internal::CaptureStderr();
    {
        const temp_dir dir;
        path = dir.path();
    }
    ::unsetenv("OUTBOX_KEEP");
    EXPECT_NE(testing::internal::GetCapturedStderr().find(path.string()), std::string::npos);
    EXPECT_TRUE(std::filesystem::remove(path));
}

TEST(temp_dir, stays_when_a_forked_process_destroys_its_copy) {
    std::optional<temp_dir> dir{std::in_place};
    const pid_t child = ::fork();
    if (child == 0) {
        dir.reset();
        ::_exit(0);
    }
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(std::filesystem::exists(dir->path()));
}

TEST(temp_dir, two_are_never_the_same) {
    const temp_dir one;
    const temp_dir two;
    EXPECT_NE(one.path(), two.path());
}

} // namespace
} // namespace outbox::harness
