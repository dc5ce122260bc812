#include "tests/tidy/source_tree.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace outbox::tidy {
namespace {

// The first heading such as "## 0.1.0 (unreleased)".
std::string newest_version(const std::string& changelog) {
    std::smatch found;
    if (std::regex_search(changelog, found, std::regex{R"((^|\n)## ([0-9]+\.[0-9]+\.[0-9]+)\b)"}))
        return found[2];
    return {};
}

TEST(changelog, its_newest_version_is_the_projects) {
    const std::filesystem::path root{OUTBOX_SOURCE_DIR};
    EXPECT_EQ(newest_version(read_text(root / "CHANGELOG.md")), OUTBOX_VERSION);
}

TEST(changelog, the_newest_version_is_the_first_heading) {
    EXPECT_EQ(newest_version("# Changes\n\n## 1.2.3 (unreleased)\n\n## 1.2.2\n"), "1.2.3");
    EXPECT_EQ(newest_version("## Unreleased\n"), "");
}

} // namespace
} // namespace outbox::tidy
